"""Foundation models in the pipeline: embeddings become findings by a head, free text never does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.model_server import ModelServer, Received
from tests.operators.models import answering, settings_with
from tests.operators.pipeline import Pipeline

from samples import catalog

IMAGE = "us-docker.pkg.dev/vertex-ai/foundation-models:1"
PARENT = "projects/wetread-local/locations/us-central1"
MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}
ROW = {"kind": "specialised", "modality": ["DX"], "card": "model.md", "title": "A model"}
NAME = "Radiologist^Quoted"


@dataclass(frozen=True)
class Hospital:
    cloud: RunningCloud
    server: ModelServer
    pipeline: Pipeline

    def deploy(self, name: str) -> None:
        """Put the server behind an endpoint, as Model Garden does."""
        options: dict[str, Any] = {
            "credentials": AnonymousCredentials(),
            "transport": "rest",
            "client_options": {"api_endpoint": self.cloud.vertex},
        }
        models = aiplatform_v1.ModelServiceClient(**options)
        endpoints = aiplatform_v1.EndpointServiceClient(**options)
        container = {"image_uri": IMAGE, "predict_route": "/predict", "health_route": "/health"}
        model = {"display_name": name, "container_spec": container}
        uploaded = models.upload_model(parent=PARENT, model=model).result(timeout=30)
        endpoint = endpoints.create_endpoint(parent=PARENT, endpoint={"display_name": name}).result(
            timeout=30
        )
        deployed = {"model": uploaded.model, "dedicated_resources": MACHINE}
        endpoints.deploy_model(
            endpoint=endpoint.name, deployed_model=deployed, traffic_split={"0": 100}
        ).result(timeout=30)

    def read(self, sample: str, name: str, row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Read a sample with one more analysis, whose endpoint has its name."""
        (study,) = (one for one in catalog() if one.name == sample)
        variable = settings_with({name: {**ROW, "endpoint": name, **row}}, model_image="")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", variable)
            self.pipeline.upload(study.folder, study.files())
            (run_id,) = self.pipeline.intake()
            return run_id, self.pipeline.run(run_id)

    def asked(self) -> list[dict[str, Any]]:
        return [
            instance
            for request in self.server.predictions()
            for instance in json.loads(request.body)["instances"]
        ]


@pytest.fixture
def hospital(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hospital]:
    with answering(start_cloud, tmp_path_factory.mktemp("cloud"), IMAGE) as parts:
        yield Hospital(*parts)


def answers(prediction: Any) -> Any:
    """Answer every instance with the same."""

    def answer(asked: Received) -> tuple[int, bytes]:
        count = len(json.loads(asked.body)["instances"])
        return 200, json.dumps({"predictions": [prediction] * count}).encode()

    return answer


def head(embedding: str, dimension: int, bias: float) -> str:
    weights = {"bias": bias, "weights": [1.0] * dimension}
    return json.dumps(
        {
            "name": "chest-head",
            "version": "1",
            "embedding": embedding,
            "pooling": "mean",
            "dimension": dimension,
            "findings": {"pneumothorax": weights},
        }
    )


def lay_down(hospital: Hospital, text: str) -> None:
    bucket = hospital.pipeline.installation.storage.client.bucket("wetread-state")
    bucket.blob("heads/chest-head.json").upload_from_string(text)


def test_a_radiograph_too_large_for_the_endpoint_is_laid_down_for_a_while(
    hospital: Hospital,
) -> None:
    hospital.deploy("cxr")
    lay_down(hospital, head("cxr-foundation/general_img_emb", 4, -1.0))
    hospital.server.answer = answers({"general_img_emb": [[1.0, 1.0, 1.0, 1.0]]})
    run_id, results = hospital.read(
        "dx-chest",
        "cxr",
        {
            "adapter": "cxr-foundation",
            "input": "frames",
            "head": "chest-head.json",
            "findings": {"pneumothorax": 0.5},
        },
    )
    assert results["analyze_images[s01]"]["findings"] == 1
    (asked,) = hospital.asked()
    ((form, address),) = asked.items()
    assert form == "gcs_uri", "2048 x 2048 pixels are more than 1.5 MB"
    study_key = run_id.split("__")[1]
    assert address.startswith(f"gs://wetread-state/pictures/{study_key}/s01/")
    assert address.endswith("/1.png")
    bucket = hospital.pipeline.installation.storage.client.bucket("wetread-state")
    assert [*bucket.list_blobs(prefix="pictures/")] == [], "it is gone when the task ends"
    (found,) = hospital.pipeline.analyses(run_id, "s01")["cxr"].findings
    assert (found.code, found.region) == ("pneumothorax", None)


def test_a_head_that_does_not_fit_makes_no_finding(hospital: Hospital) -> None:
    hospital.deploy("cxr")
    lay_down(hospital, head("cxr-foundation/general_img_emb", 5, -1.0))
    hospital.server.answer = answers({"general_img_emb": [[1.0, 1.0, 1.0, 1.0]]})
    run_id, results = hospital.read(
        "dx-chest",
        "cxr",
        {
            "adapter": "cxr-foundation",
            "input": "reference",
            "head": "chest-head.json",
            "findings": {"pneumothorax": 0.5},
        },
    )
    assert "[prediction-malformed]" in str(results["analyze_images[s01]"])
    assert "(s01 cxr) not done yet" in hospital.pipeline.report(run_id)["conclusion"]


def test_what_a_language_model_writes_is_kept_and_shown_nowhere(hospital: Hospital) -> None:
    hospital.deploy("medgemma")
    written = f"Large pneumothorax, says {NAME}."
    hospital.server.answer = answers(written)
    run_id, results = hospital.read(
        "mr-head-two-series",
        "medgemma",
        {
            "adapter": "medgemma",
            "input": "frames",
            "modality": ["MR"],
            "sampling": "even:1",
            "prompt": "Describe the image.",
        },
    )
    assert results["analyze_images[s01]"]["findings"] == 0
    assert hospital.pipeline.analyses(run_id, "s01")["medgemma"].texts == (written,)
    assert {item["prompt"] for item in hospital.asked()} == {"Describe the image. <start_of_image>"}
    resources = [
        resource
        for kind in ("DiagnosticReport", "Observation", "ImagingStudy")
        for resource in hospital.pipeline.resources(kind)
    ]
    assert NAME not in json.dumps(resources)
    assert NAME not in json.dumps(results, default=str)


def test_a_slide_goes_as_patches_of_one_level(hospital: Hospital) -> None:
    hospital.deploy("path")
    lay_down(hospital, head("path-foundation/embedding_vector", 384, -500.0))

    def embed(asked: Received) -> tuple[int, bytes]:
        (instance,) = json.loads(asked.body)["instances"]
        patches = [
            {
                "patch_coordinate": {key: place[key] for key in ("x_origin", "y_origin")},
                "embedding_vector": [1.0] * 384,
            }
            for place in instance["patch_coordinates"]
        ]
        prediction = {"result": {"patch_embeddings": patches}}
        return 200, json.dumps({"predictions": [prediction]}).encode()

    hospital.server.answer = embed
    _, results = hospital.read(
        "sm-biopsy",
        "path",
        {
            "adapter": "path-foundation",
            "input": "tiles",
            "modality": ["SM"],
            "head": "chest-head.json",
            "findings": {"pneumothorax": 0.5},
        },
    )
    assert results["analyze_images[s01]"]["analyses"] == 2
    (asked,) = hospital.asked()
    assert len(asked["dicom_path"]["instance_uids"]) == 1
    assert asked["dicom_path"]["series_path"].count("/series/") == 1
    corners = {(p["x_origin"], p["y_origin"]) for p in asked["patch_coordinates"]}
    assert len(corners) == len(asked["patch_coordinates"]) == 16


def test_one_model_can_be_asked_about_several_series_at_once(hospital: Hospital) -> None:
    hospital.deploy("both")
    hospital.server.answer = answers(
        {
            "model": {"name": "both", "version": "1", "weights_digest": "sha256:" + "0" * 64},
            "scores": {"pneumothorax": 0.2},
            "images": 24,
            "detections": [],
        }
    )
    run_id, results = hospital.read(
        "mr-head-two-series",
        "both",
        {
            "adapter": "detections",
            "input": "volume",
            "scope": "study",
            "modality": ["MR"],
            "findings": {"pneumothorax": 0.5},
        },
    )
    assert [row["row_id"] for row in results["import_study"]] == ["s01", "s02", "w01"]
    (asked,) = hospital.asked()
    assert "/studies/" in asked["dicomweb_uri"]
    assert "/series/" not in asked["dicomweb_uri"]
    assert hospital.pipeline.analyses(run_id, "w01")["both"].images == 24
    assert "24 images looked at by both 1." in hospital.pipeline.report(run_id)["conclusion"]
