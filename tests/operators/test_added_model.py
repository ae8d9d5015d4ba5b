"""A model of somebody else's: a row in the settings and a container, and no line of code."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.model_server import ModelServer, Received
from tests.operators.models import answering, settings_with
from tests.operators.pipeline import CONNECTION, Pipeline

from samples import hostile, part10
from wetread.hooks.model_deployment import deploy_models

IMAGE = "europe-docker.pkg.dev/hospital/models/collapsed-lung@sha256:" + "c0" * 32
WEIGHTS = "sha256:" + "77" * 32
ROW: dict[str, Any] = {
    "title": "Collapsed lung detector",
    "kind": "specialised",
    "modality": ["CT"],
    "body_part": ["CHEST"],
    "adapter": "detections",
    "endpoint": "collapsed-lung",
    "findings": {"pneumothorax": 0.6},
    "card": "collapsed-lung.md",
}
METHOD = "vision.images.annotate"


@dataclass(frozen=True)
class Hospital:
    """An installation with a model of its own."""

    cloud: RunningCloud
    server: ModelServer
    pipeline: Pipeline

    def read(
        self, study: str, slices: int, *, late: bytes = b"", **row: Any
    ) -> tuple[str, dict[str, Any]]:
        """Add the row, deploy the container, and read a study; return its run and its results.

        ``late`` is an image that reaches the store when the version is sealed.
        """
        variable = settings_with({"collapsed-lung": {**ROW, **row}}, model_image=IMAGE)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", variable)
            deploy_models(CONNECTION)
            files = [(f"{n}.dcm", hostile.valid(study, n)) for n in range(1, slices + 1)]
            self.pipeline.upload(study, files)
            (run_id,) = self.pipeline.intake()
            if late:
                self.pipeline.seal(run_id)
                uid = self.pipeline.records(run_id).manifest.study_instance_uid
                self.pipeline.installation.dicomweb.store_instances(uid, [late], "the late image")
            return run_id, self.pipeline.run(run_id)


@pytest.fixture(scope="module")
def hospital(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hospital]:
    with answering(start_cloud, tmp_path_factory.mktemp("cloud"), IMAGE) as parts:
        yield Hospital(*parts)


def answer(asked: Received, score: float, images: int = 1) -> tuple[int, bytes]:
    """Say of each instance that there is one collapsed lung in it."""
    box = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}
    prediction = {
        "model": {"name": "collapsed-lung", "version": "7", "weights_digest": WEIGHTS},
        "scores": {"pneumothorax": score},
        "images": images,
        "detections": [{"code": "pneumothorax", "score": score, "box": box}] if images == 1 else [],
    }
    count = len(json.loads(asked.body)["instances"])
    return 200, json.dumps({"predictions": [prediction] * count}).encode()


def test_a_row_and_a_container_are_all_that_it_takes(hospital: Hospital) -> None:
    hospital.server.answer = lambda asked: answer(asked, 0.91)
    run_id, results = hospital.read("row and container", 2, input="frames")

    assert results["analyze_images[s01]"]["findings"] == 2
    assert "collapsed-lung" in results["import_study"][0]["label"]
    assert results["raise_alert"] == {"alerts": 1, "category": 1}
    report = hospital.pipeline.report(run_id)
    assert "2 findings to be confirmed: Pneumothorax, score 0.91" in report["conclusion"]
    observations = hospital.pipeline.resources("Observation")
    coded = [o for o in observations if o["code"]["coding"][0]["code"] == "36118008"]
    assert {o["status"] for o in coded} == {"preliminary"}
    assert {o["device"]["display"] for o in coded} == {"collapsed-lung 1"}


def test_findings_say_who_made_them(hospital: Hospital) -> None:
    hospital.server.answer = lambda asked: answer(asked, 0.3)
    run_id, _ = hospital.read("provenance", 1, input="frames")
    source = hospital.pipeline.analyses(run_id, "s01")["collapsed-lung"].source
    assert (source.name, source.version) == ("collapsed-lung", "1")
    assert source.deployed_model
    assert source.weights_digest == WEIGHTS
    assert source.container == IMAGE
    assert source.settings_digest == hospital.pipeline.records(run_id).plan.digest_of(
        "collapsed-lung"
    )


def test_pictures_leave_without_a_name_and_references_without_pixels(hospital: Hospital) -> None:
    hospital.server.answer = lambda asked: answer(asked, 0.3)
    hospital.server.received.clear()
    hospital.read("as pictures", 2, input="frames")
    (asked,) = hospital.server.predictions()
    assert [set(item) for item in json.loads(asked.body)["instances"]] == [{"input_bytes"}] * 2

    hospital.server.answer = lambda asked: answer(asked, 0.3, images=2)
    hospital.server.received.clear()
    hospital.read("as a volume", 2, input="volume")
    (asked,) = hospital.server.predictions()
    ((name, address),) = json.loads(asked.body)["instances"][0].items()
    assert name == "dicomweb_uri"
    assert address.startswith(hospital.cloud.healthcare)
    assert address.count("/series/") == 1


def test_a_late_image_is_not_counted_before_its_version(hospital: Hospital) -> None:
    """The store's series holds a third image, which the version that is being read does not."""
    hospital.server.answer = lambda asked: answer(asked, 0.3, images=2)
    hospital.server.received.clear()
    late = hostile.image("late", 3)
    _, results = hospital.read("late", 2, late=part10.encode(late), input="volume")
    assert results["analyze_images[s01]"]["analyses"] == 2
    (asked,) = hospital.server.predictions()
    (instance,) = json.loads(asked.body)["instances"]
    assert len(instance["instance_uids"]) == 2
    assert str(late.SOPInstanceUID) not in instance["instance_uids"]
    (next_version,) = hospital.pipeline.intake()
    assert next_version.endswith("__v2")


def test_a_model_works_while_vision_ai_does(hospital: Hospital) -> None:
    slices, seen_by_vision = 24, []

    def wait_for_vision(asked: Received) -> tuple[int, bytes]:
        before = hospital.cloud.calls(METHOD)
        deadline = time.monotonic() + 30
        while hospital.cloud.calls(METHOD) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        seen_by_vision.append(hospital.cloud.calls(METHOD) - before)
        return answer(asked, 0.3, images=slices)

    hospital.server.answer = wait_for_vision
    _, results = hospital.read("overlap", slices, input="volume", timeout_seconds=60)
    assert results["analyze_images[s01]"]["analyses"] == 2
    assert seen_by_vision[0] > 0, "Vision AI was asked while the model worked"
