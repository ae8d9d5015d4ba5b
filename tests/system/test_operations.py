"""What an operator does by hand: ask for a study, watch one fail, clear its task, see it whole."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pydicom
import pytest
import requests
from tests.system.conftest import RunningStack
from tests.system.test_demo import database_dump, files_with_identifiers

import samples
from samples import hostile
from stack.errors import StackError

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

RUN_SECONDS = 300.0


def eventually(look: Callable[[], Any], what: str, seconds: float = RUN_SECONDS) -> Any:
    """Return what ``look`` finds once it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(1)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


def study_uid(content: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True).StudyInstanceUID)


def ended_run(stack: RunningStack, uid: str, version: int = 1) -> tuple[str, str]:
    """Wait for the run of a study's version; return its id and state."""

    def look() -> tuple[str, str] | None:
        key = stack.cloud.study_keys().get(uid)
        run_id = f"study__{key}__v{version}"
        for run in stack.api.runs("study_pipeline"):
            if run["dag_run_id"] == run_id and run["state"] in ("success", "failed"):
                return run_id, str(run["state"])
        return None

    return eventually(look, f"a run of version {version}")


def task_states(stack: RunningStack, run_id: str) -> dict[str, str]:
    rows = stack.api.task_instances("study_pipeline", run_id)
    return {row["task_id"]: row["state"] for row in rows}


def fault(stack: RunningStack, rule: dict[str, Any] | None) -> None:
    """Add a fault to the local cloud, or with nothing remove all."""
    url = f"{stack.ports.url('storage')}/_localcloud/faults"
    answer = requests.post(url, json=rule, timeout=10) if rule else requests.delete(url, timeout=10)
    answer.raise_for_status()


def clear(stack: RunningStack, run_id: str, task_id: str) -> None:
    """Clear one task and those after it, as the button in the Airflow UI does.

    Airflow answers 500 when SQLite's one writer is busy at that moment; a person clicks again.
    """

    def accepted() -> bool:
        try:
            stack.api.clear("study_pipeline", run_id, task_id)
        except StackError as error:
            if "Database error" not in str(error):
                raise
            return False
        return True

    eventually(accepted, "the clearing of a task")


@pytest.fixture(autouse=True)
def no_faults(stack: RunningStack) -> Iterator[None]:
    """Whatever a test breaks works again for the next one."""
    yield
    fault(stack, None)


def nodule_slices(suffix: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a small study with a critical finding, under UIDs of its own."""
    sample = next(s for s in samples.catalog() if s.name == "ct-chest-nodule")
    files = []
    for name, content in sample.files()[34:37]:
        dataset = pydicom.dcmread(io.BytesIO(content))
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(dataset, keyword, f"{dataset[keyword].value}.{suffix}")
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        files.append((name, buffer.getvalue()))
    return study_uid(files[0][1]), files


def upload(stack: RunningStack, folder: str, files: list[tuple[str, bytes]]) -> None:
    for name, content in [*files, ("_COMPLETE", b"")]:
        stack.cloud.upload(f"{folder}/{name}", content)


def test_requested_study_gets_its_next_version(stack: RunningStack) -> None:
    """By StudyInstanceUID, which stays in study_request's own rows and nowhere else."""
    sample = next(s for s in samples.catalog() if s.name == "real-mr")
    uid = study_uid(sample.files()[0].content)

    stack.api.trigger("study_request", {"study": uid, "priority": "stat"})
    _, state = ended_run(stack, uid, version=2)

    assert state == "success"
    assert len(stack.cloud.reports(uid)) == 1, "the same report, updated in place"
    logs = stack.layout.airflow_home / "logs"
    assert [path for path, _ in files_with_identifiers(logs, [uid])] == []
    lines = database_dump(stack.layout.airflow_home / "airflow.db").splitlines()
    assert all("study_request" in line for line in lines if uid in line)


def test_form_refuses_a_bad_priority(stack: RunningStack) -> None:
    with pytest.raises(StackError, match="400"):
        stack.api.trigger("study_request", {"study": "incoming/x/", "priority": "now!"})


@pytest.mark.parametrize(
    ("suffix", "method", "task"),
    [
        ("71", "healthcare.*.executeBundle", "write_fhir_report"),
        ("72", "healthcare.*.storeInstances", "write_dicom_results"),
    ],
)
def test_cleared_task_completes_the_run(
    stack: RunningStack, suffix: str, method: str, task: str
) -> None:
    """The writer fails for good, the alert goes out; once cleared, the run ends in one report."""
    uid, files = nodule_slices(suffix)
    fault(stack, {"method": method, "status": 400, "times": 0})
    upload(stack, f"broken-{suffix}", files)

    run_id, state = ended_run(stack, uid)

    states = task_states(stack, run_id)
    assert state == "failed"
    assert states[task] == "failed"
    assert states["raise_alert"] == "success"
    assert states["archive_source"] == "upstream_failed"
    assert [s for name, s in states.items() if name.startswith("write") and name != task] == [
        "success"
    ]

    fault(stack, None)
    clear(stack, run_id, task)
    eventually(
        lambda: set(task_states(stack, run_id).values()) == {"success"}, "the cleared run's success"
    )

    (report,) = stack.cloud.reports(uid)
    assert report["status"] == "preliminary"


def test_study_without_images_gets_a_report_that_says_so(stack: RunningStack) -> None:
    files = [(file.name, file.content) for file in hostile.structured_report_only()]
    uid = study_uid(files[0][1])
    upload(stack, "report-only", files)

    run_id, state = ended_run(stack, uid)

    assert state == "success"
    assert task_states(stack, run_id)["analyze_images"] == "skipped"
    (report,) = stack.cloud.reports(uid)
    assert "Nothing to analyse" in report["conclusion"]


def test_errors_name_no_patient(stack: RunningStack) -> None:
    """Also when tasks fail: their logs carry the error's text, and none of the identifiers."""
    uid, files = nodule_slices("73")
    identifiers = [uid, *(str(pydicom.dcmread(io.BytesIO(c)).SOPInstanceUID) for _, c in files)]
    identifiers += sorted(samples.identifiers())
    fault(stack, {"method": "healthcare.*.retrieveInstance", "status": 403, "times": 0})
    fault(stack, {"method": "storage.objects.rewrite", "drop": True, "times": 2})
    upload(stack, "forbidden-73", files)

    run_id, state = ended_run(stack, uid)

    assert state == "failed"
    logs = stack.layout.airflow_home / "logs"
    text = "".join(p.read_text() for p in logs.rglob("*.log") if run_id in str(p))
    assert "[not-found]" in text, "the store answers 403 for what does not exist, too"
    assert r"\"event\":\"failure\"" in text
    assert list(files_with_identifiers(logs, identifiers)) == []
