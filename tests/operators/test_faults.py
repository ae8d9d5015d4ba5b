"""A service that fails, for a while or after the fact, does not change what a study ends as."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pydicom
import pytest
from tests.contract.conftest import RunningCloud
from tests.operators.conftest import connected
from tests.operators.pipeline import Pipeline

from samples import SampleFile, catalog
from wetread.core.errors import RetriableError

PIPELINE_CALLS = (
    "healthcare.projects.locations.datasets.dicomStores.import",
    "healthcare.projects.locations.datasets.dicomStores.studies.retrieveMetadata",
    "healthcare.projects.locations.datasets.dicomStores.studies.searchForInstances",
    "healthcare.projects.locations.datasets.dicomStores.studies.series.retrieveMetadata",
    "healthcare.projects.locations.datasets.dicomStores.studies.series.retrieveSeries",
    "healthcare.projects.locations.datasets.dicomStores.studies.series.instances.retrieveInstance",
    "healthcare.projects.locations.datasets.dicomStores.studies.storeInstances",
    "healthcare.projects.locations.datasets.fhirStores.fhir.create",
    "healthcare.projects.locations.datasets.fhirStores.fhir.executeBundle",
    "healthcare.projects.locations.datasets.fhirStores.fhir.search-type",
    "healthcare.projects.locations.datasets.operations.get",
    "pubsub.Publisher.Publish",
    "pubsub.Subscriber.Acknowledge",
    "pubsub.Subscriber.Pull",
    "secretmanager.projects.secrets.versions.access",
    "secretmanager.projects.secrets.versions.list",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.insert",
    "storage.objects.list",
    "storage.objects.rewrite",
    "vision.images.annotate",
)
"""Every method that intake and a study's run call; ``test_all_calls_are_tried`` keeps it true."""


@cache
def nodule() -> tuple[SampleFile, ...]:
    """Return three slices with an anomaly, so that every service is called."""
    sample = next(sample for sample in catalog() if sample.name == "ct-chest-nodule")
    return sample.files()[34:37]


def study_of_its_own(number: int) -> tuple[str, list[SampleFile]]:
    """Return the UID and the files of another study with the same images."""
    files, study = [], ""
    for name, content in nodule():
        dataset = pydicom.dcmread(io.BytesIO(content))
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(dataset, keyword, f"{dataset[keyword].value}.{number}")
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        files.append(SampleFile(name, buffer.getvalue()))
        study = str(dataset.StudyInstanceUID)
    return study, files


@contextmanager
def hospital() -> Iterator[str]:
    """Let reports be issued by an organization that none has named yet, so that it is created."""
    name = f"Hospital {uuid.uuid4()}"
    with pytest.MonkeyPatch.context() as environment:
        settings = {"quiet_period_seconds": 1, "organization": name}
        environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", json.dumps(settings))
        yield name


@pytest.fixture(scope="module")
def undisturbed(shared_cloud: RunningCloud, shared_pipeline: Pipeline) -> dict[str, Any]:
    """What the study ends as when nothing fails, and what was called on the way."""
    study, files = study_of_its_own(1)
    shared_cloud.admin("DELETE", "calls")
    shared_pipeline.upload("undisturbed", files)
    with hospital():
        (run_id,) = shared_pipeline.intake()
        results = shared_pipeline.run(run_id)
    calls = shared_cloud.admin("GET", "calls")
    assert not [result for result in results.values() if isinstance(result, Exception)]
    assert len(shared_pipeline.alerts(run_id)) == 1
    return {"left": shared_pipeline.left_behind(run_id, study), "calls": calls}


@pytest.fixture
def disturbed(shared_cloud: RunningCloud, shared_pipeline: Pipeline) -> Iterator[Pipeline]:
    with hospital():
        yield shared_pipeline
    shared_cloud.admin("DELETE", "faults")


def test_all_calls_are_tried(undisturbed: dict[str, Any]) -> None:
    # The Storage client reads buckets' metadata in the background for its traces, and only that.
    assert set(undisturbed["calls"]) - {"storage.buckets.get"} == set(PIPELINE_CALLS)


EFFECTS = {
    "503 twice": {"status": 503, "times": 2},
    "dropped": {"drop": True, "times": 1},
    "answer lost": {"status": 503, "after": True, "times": 1},
}


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("method", PIPELINE_CALLS, ids=lambda method: method.partition(".")[2])
def test_failing_call_changes_nothing(
    shared_cloud: RunningCloud,
    disturbed: Pipeline,
    undisturbed: dict[str, Any],
    method: str,
    effect: str,
) -> None:
    number = 100 + 10 * PIPELINE_CALLS.index(method) + list(EFFECTS).index(effect)
    study, files = study_of_its_own(number)
    disturbed.upload(f"disturbed-{number}", files)
    shared_cloud.fault(method, **EFFECTS[effect])

    (run_id,) = disturbed.intake()
    results = disturbed.run(run_id)

    assert not [result for result in results.values() if isinstance(result, Exception)]
    assert shared_cloud.admin("GET", "faults") == [], "the fault was never met"
    assert disturbed.left_behind(run_id, study) == undisturbed["left"]
    assert len(disturbed.alerts(run_id)) == 1


def test_setting_up_survives_failing_calls(bare_cloud: RunningCloud) -> None:
    with connected(bare_cloud) as pipeline:
        for service in ("healthcare", "pubsub", "secretmanager", "storage"):
            bare_cloud.fault(f"{service}.*", status=503, times=2)
        pipeline.set_up()
        pipeline.set_up()


@pytest.mark.parametrize(
    ("number", "method", "task"),
    [
        (901, "healthcare.*executeBundle", "write_fhir_report"),
        (902, "healthcare.*storeInstances", "write_dicom_results"),
        (903, "pubsub.Publisher.Publish", "raise_alert"),
        (904, "vision.*", "analyze_images[s01]"),
    ],
)
def test_cleared_task_completes_the_same_report(  # noqa: PLR0917 - fixtures and cases
    shared_cloud: RunningCloud,
    disturbed: Pipeline,
    undisturbed: dict[str, Any],
    number: int,
    method: str,
    task: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The task fails for good; the others do their work; clearing it ends in one report."""
    monkeypatch.setattr("wetread.gcp.retries.RETRY._timeout", 1.0)
    study, files = study_of_its_own(number)
    disturbed.upload(f"broken-{number}", files)
    (run_id,) = disturbed.intake()
    shared_cloud.fault(method, status=503, times=0)

    broken = disturbed.run(run_id)

    failed = [name for name, result in broken.items() if isinstance(result, Exception)]
    assert failed == [task]
    assert isinstance(broken[task], RetriableError)
    assert "archive_source" not in broken
    assert disturbed.objects(f"incoming/broken-{number}/"), "the source stays until all is done"

    shared_cloud.admin("DELETE", "faults")
    cleared = disturbed.run(run_id)

    assert not [result for result in cleared.values() if isinstance(result, Exception)]
    earlier = task.startswith("analyze_images")  # a report said what it lacked, and had its review
    assert disturbed.left_behind(run_id, study) == undisturbed["left"] | {
        "reviews": ["cancelled"] * earlier + ["requested"],
        "provenance": 1 + earlier,
    }
    assert len(disturbed.alerts(run_id)) == 1
