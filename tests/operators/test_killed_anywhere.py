"""A worker may die at any write, and a task may run again, at once or twice: one end state."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from tests.operators.kills import Killed, Worker, transports_of
from tests.operators.pipeline import Pipeline
from tests.operators.test_faults import hospital, study_of_its_own

from samples import SampleFile, hostile
from wetread.core.errors import RetriableError
from wetread.gcp.dicom_results import DicomResults

WRITES = (
    "write index 1",
    "write queue 1",
    "write claims 1",
    "acknowledge 1",
    "remove queue 1",
    "write manifest 1",
    "copy to staging 1",
    "copy to staging 2",
    "import 1",
    "write import 1",
    "remove staging 1",
    "remove staging 2",
    "write findings 1",
    "store 1",
    "write report 1",
    "create ImagingStudy 1",
    "create Organization 1",
    "fhir 1",
    "publish an alert 1",
    "write alerts 1",
    "write reason 1",
    "copy to failed 1",
    "remove incoming 1",
    "copy to processed 1",
    "copy to processed 2",
    "remove incoming 2",
    "remove incoming 3",
    "remove marker 1",
    "write summary 1",
)
"""Every write from a study's arrival to its end; ``test_all_writes_are_tried`` keeps it true."""

_HEXADECIMAL = re.compile(r"[0-9a-f]{32}")
_numbers = count(2000)


@pytest.fixture(autouse=True)
def organization(undisturbed: dict[str, Any]) -> Iterator[str]:
    with hospital() as name:
        yield name


@pytest.fixture(autouse=True)
def quick_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for messages: what a test is about lies in the bucket."""
    monkeypatch.setattr("wetread.operators.study_claim._PULL_SECONDS", 0.1)


def arrived(pipeline: Pipeline) -> tuple[str, str]:
    """Upload a study of two images with a finding and a file that is none; return UID, folder."""
    number = next(_numbers)
    study, files = study_of_its_own(number)
    folder = f"killed-{number}"
    pipeline.upload(folder, [*files[:2], SampleFile("bad.dcm", hostile.not_dicom())])
    return study, folder


def end_state(
    pipeline: Pipeline, run_id: str, study: str, folder: str, organization: str
) -> dict[str, Any]:
    """Return all that the study left anywhere, its alerts included."""
    organizations = [o["name"] for o in pipeline.resources("Organization")]
    state = pipeline.installation.storage.client.list_blobs("wetread-state")
    key = run_id.split("__")[1]
    prefixes = ("incoming", "processed", "failed")
    return {
        **pipeline.left_behind(run_id, study),
        **{p: [n.rpartition("/")[2] for n in pipeline.objects(f"{p}/{folder}/")] for p in prefixes},
        "records": sorted(
            _HEXADECIMAL.sub("…", b.name).replace(key, "…") for b in state if key in b.name
        ),
        "alerts": len(pipeline.alerts(run_id)),
        "organizations": organizations.count(organization),
        "devices": len(pipeline.resources("Device")),
        "endpoints": len(pipeline.resources("Endpoint")),
        "objects with other bytes": objects_with_other_bytes(pipeline, run_id),
    }


def objects_with_other_bytes(pipeline: Pipeline, run_id: str) -> int:
    """Make and store every DICOM object again; the store tells bytes that are not those it has."""
    installation, records = pipeline.installation, pipeline.records(run_id)
    results = DicomResults(
        dicomweb=installation.dicomweb,
        study_instance_uid=records.manifest.study_instance_uid,
        held=Counter(header.series_instance_uid for header in records.manifest.instances),
        settings=records.settings,
        subject="a study",
    )
    written = [results.write(analysis) for analysis in records.findings().analyses]
    assert any(one.names for one in written)
    return sum(one.kept for one in written)


def take_in_and_run(pipeline: Pipeline) -> str:
    (run_id,) = pipeline.intake()
    results = pipeline.run(run_id)
    assert not [result for result in results.values() if isinstance(result, Exception)]
    return run_id


@pytest.fixture(scope="module")
def undisturbed(shared_pipeline: Pipeline) -> dict[str, Any]:
    """What the study ends as when nobody dies, and what was written on the way.

    The installation's first study, before it, is the one that Devices and Endpoint are made for.
    """
    arrived(shared_pipeline)
    take_in_and_run(shared_pipeline)
    study, folder = arrived(shared_pipeline)
    worker = Worker()
    with hospital() as name:
        with transports_of(worker):
            run_id = take_in_and_run(shared_pipeline)
        end = end_state(shared_pipeline, run_id, study, folder, name)
    return {"end": end, "writes": worker.writes}


def test_all_writes_are_tried(undisturbed: dict[str, Any]) -> None:
    assert sorted(undisturbed["writes"]) == sorted(WRITES)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_killed_worker_changes_nothing(
    shared_pipeline: Pipeline,
    undisturbed: dict[str, Any],
    organization: str,
    write: str,
    moment: str,
) -> None:
    """All that ran runs again in another worker, which knows nothing of the first."""
    pipeline, earlier = shared_pipeline, set(shared_pipeline.runs)
    study, folder = arrived(pipeline)
    worker = Worker(write, moment)
    with transports_of(worker), pytest.raises(Killed):
        take_in_and_run(pipeline)

    pipeline.intake()
    (run_id,) = pipeline.runs - earlier
    results = pipeline.run(run_id)

    assert not [result for result in results.values() if isinstance(result, Exception)]
    assert pipeline.intake() == []
    assert end_state(pipeline, run_id, study, folder, organization) == undisturbed["end"]


def test_two_runs_at_once_leave_the_same(
    shared_pipeline: Pipeline, undisturbed: dict[str, Any], organization: str
) -> None:
    """A worker that Airflow took for dead goes on beside the one that took its place."""
    pipeline, earlier = shared_pipeline, set(shared_pipeline.runs)
    study, folder = arrived(pipeline)

    with ThreadPoolExecutor(2) as pool:
        for intake in [pool.submit(retried, pipeline.intake) for _ in range(2)]:
            intake.result()
        (run_id,) = pipeline.runs - earlier
        runs = [pool.submit(retried, lambda: pipeline.run(run_id)) for _ in range(2)]
        for run in runs:
            run.result()

    assert pipeline.intake() == []
    assert end_state(pipeline, run_id, study, folder, organization) == undisturbed["end"]


def retried(work: Callable[[], Any]) -> None:
    """Do as Airflow does: try again what failed for a reason that may pass."""
    for _ in range(4):
        try:
            results = work()
        except RetriableError:
            continue
        errors = (
            [r for r in results.values() if isinstance(r, Exception)]
            if isinstance(results, dict)
            else []
        )
        if not errors:
            return
        assert all(isinstance(error, RetriableError) for error in errors)
    raise AssertionError("the work failed four times")
