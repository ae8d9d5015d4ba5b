"""Long-running operations: waiting, being cancelled, being listed, and what outlives what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from googleapiclient.errors import HttpError
from tests.contract.dicom.files import ct_series, encoded
from tests.contract.dicom.stores import LOCATION, DicomStore, datasets_api, unique

REST = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"
OPERATIONS = f"{REST}/projects.locations.datasets.operations"
LIMITS = "https://cloud.google.com/healthcare-api/docs/best-practices-lros"
CANCELLED, ABORTED = 1, 10


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, start_cloud: Any) -> Iterator[Any]:
    """A cloud of this module alone, whose operations begin late."""
    with start_cloud(tmp_path_factory.mktemp("slow"), "--set", "operation_seconds=60") as running:
        yield running


@pytest.fixture
def slow_store(slow: Any) -> Iterator[DicomStore]:
    slow.admin("PATCH", "behaviour", {"operation_seconds": 60})
    yield DicomStore.create(slow.healthcare)
    slow.admin("PATCH", "behaviour", {"operation_seconds": 0})


@pytest.fixture
def slow_bucket(slow: Any, bucket_of: Callable[[str], storage.Bucket]) -> storage.Bucket:
    """A bucket with one DICOM file."""
    bucket = bucket_of(slow.storage)
    bucket.blob("one.dcm").upload_from_string(encoded(ct_series(1)[0]))
    return bucket


def get(store: DicomStore, operation: dict[str, Any]) -> dict[str, Any]:
    return dict(store.datasets.operations().get(name=operation["name"]).execute())


def dataset_of(store: DicomStore) -> str:
    return store.name.rpartition("/dicomStores/")[0]


def failure_of(request: Any) -> int:
    with pytest.raises(HttpError) as caught:
        request.execute()
    return caught.value.status_code


@pytest.mark.rule("healthcare.operations.unfinished", OPERATIONS)
def test_an_operation_that_waits_is_neither_done_nor_failed(
    slow: Any, slow_store: DicomStore, slow_bucket: storage.Bucket
) -> None:
    started = slow_store.start_import(f"gs://{slow_bucket.name}/one.dcm")
    waiting = get(slow_store, started)
    assert not {"done", "response", "error"} & waiting.keys()
    assert "endTime" not in waiting["metadata"]
    assert waiting["metadata"]["apiMethodName"].endswith("ImportDicomData")
    assert slow_store.get("/instances").json() == []
    slow.admin("PATCH", "behaviour", {"operation_seconds": 0})
    done = slow_store.wait(started)
    assert done["metadata"]["counter"] == {"success": "1"}
    assert done["metadata"]["createTime"] == waiting["metadata"]["createTime"]


@pytest.mark.rule("healthcare.operations.cancel", f"{OPERATIONS}/cancel")
def test_a_waiting_operation_is_over_at_once_when_it_is_cancelled(
    slow: Any, slow_store: DicomStore, slow_bucket: storage.Bucket
) -> None:
    operations = slow_store.datasets.operations()
    started = slow_store.start_import(f"gs://{slow_bucket.name}/one.dcm")
    assert operations.cancel(name=started["name"], body={}).execute() == {}
    cancelled = get(slow_store, started)
    assert cancelled["done"]
    assert cancelled["error"]["code"] == CANCELLED
    assert cancelled["metadata"]["cancelRequested"]
    assert operations.cancel(name=started["name"], body={}).execute() == {}, "again: no effect"
    assert get(slow_store, started) == cancelled
    slow.admin("PATCH", "behaviour", {"operation_seconds": 0})
    other = slow_store.start_import(f"gs://{slow_bucket.name}/*")
    assert slow_store.wait(other)["metadata"]["counter"] == {"success": "1"}
    assert get(slow_store, started) == cancelled, "it did not run later"


@pytest.mark.rule("localcloud.operations.bounded", LIMITS)
def test_operations_that_wait_cost_no_thread_each_and_all_run_in_the_end(
    slow: Any, slow_store: DicomStore, slow_bucket: storage.Bucket
) -> None:
    def threads() -> int:
        status = Path(f"/proc/{slow.process.pid}/status").read_text()
        return int(status.partition("Threads:")[2].split()[0])

    uri = f"gs://{slow_bucket.name}/one.dcm"
    started = [slow_store.start_import(uri)]
    before = threads()
    started += [slow_store.start_import(uri) for _ in range(40)]
    # The server's own pool may still grow while it answers.
    assert threads() < before + 20
    slow.admin("PATCH", "behaviour", {"operation_seconds": 0})
    for operation in started:
        assert slow_store.wait(operation)["metadata"]["counter"] == {"success": "1"}
    assert len(slow_store.get("/instances").json()) == 1


@pytest.mark.rule("healthcare.operations.aborted", LIMITS)
def test_an_operation_that_waited_when_the_server_died_is_aborted(
    start_cloud: Any, bucket_of: Callable[[str], storage.Bucket], tmp_path: Path
) -> None:
    with start_cloud(tmp_path, "--set", "operation_seconds=60") as first:
        store = DicomStore.create(first.healthcare)
        started = store.start_import(f"gs://{bucket_of(first.storage).name}/*")
        first.process.kill()
        first.process.wait()
    with start_cloud(tmp_path) as second:
        store = replace(store, base_url=second.healthcare, datasets=datasets_api(second.healthcare))
        operation = get(store, started)
    assert operation["done"]
    assert operation["error"]["code"] == ABORTED
    assert "start it again" in operation["error"]["message"]


@pytest.mark.rule("healthcare.operations.progress", LIMITS)
def test_progress_shows_while_an_operation_runs(store: DicomStore, bucket: storage.Bucket) -> None:
    slices = ct_series(120)
    for number, item in enumerate(slices):
        bucket.blob(f"{number}.dcm").upload_from_string(encoded(item))
    operation = store.start_import(f"gs://{bucket.name}/*")
    seen: list[tuple[int, int]] = []
    deadline = time.monotonic() + 30
    while not operation.get("done"):
        assert time.monotonic() < deadline
        operation = get(store, operation)
        counter = operation["metadata"].get("counter", {})
        seen.append((int(counter.get("pending", 0)), int(counter.get("success", 0))))
    running = [counts for counts in seen if counts[0] > 0]
    assert running, "pending is told before the end"
    assert all(sum(counts) == len(slices) for counts in running)
    assert [success for _, success in seen] == sorted(success for _, success in seen)
    assert seen[-1] == (0, len(slices))


@pytest.mark.rule("healthcare.operations.list.filter", f"{OPERATIONS}/list")
def test_operations_are_filtered(store: DicomStore, bucket: storage.Bucket) -> None:
    operations = store.datasets.operations()
    failed = store.wait(store.start_import(f"gs://{bucket.name}/absent"))

    def listed(expression: str) -> set[str]:
        answer = operations.list(name=dataset_of(store), filter=expression).execute()
        return {operation["name"] for operation in answer.get("operations", [])}

    assert len(listed("")) == 2
    assert listed("metadata.apiMethodName:ImportDicomData") == {failed["name"]}
    assert listed("done=true AND error.code=5") == {failed["name"]}
    assert listed("done = false") == set()
    assert listed(f'name="{failed["name"]}"') == {failed["name"]}
    for wrong in ("state=RUNNING", "done", "done=true OR done=false"):
        assert failure_of(operations.list(name=dataset_of(store), filter=wrong)) == 400


@pytest.mark.rule("healthcare.operations.list.pages", f"{OPERATIONS}/list")
def test_operations_are_listed_in_pages(store: DicomStore, bucket: storage.Bucket) -> None:
    operations = store.datasets.operations()
    started = {store.start_import(f"gs://{bucket.name}/absent")["name"] for _ in range(4)}
    request, names = operations.list(name=dataset_of(store), pageSize=2), []
    while request is not None:
        answer = request.execute()
        assert len(answer["operations"]) <= 2
        names += [operation["name"] for operation in answer["operations"]]
        request = operations.list_next(request, answer)
    assert len(names) == len(set(names)) == 5
    assert started < set(names)


@pytest.mark.rule("healthcare.operations.list.partial", f"{OPERATIONS}/list")
def test_partial_success_is_not_supported(store: DicomStore) -> None:
    request = store.datasets.operations().list(name=dataset_of(store), returnPartialSuccess=True)
    assert failure_of(request) == 501


@pytest.mark.rule("healthcare.operations.dataset", OPERATIONS)
def test_operations_go_with_their_dataset(cloud: Any) -> None:
    datasets = datasets_api(cloud.healthcare)
    dataset_id = unique("gone")
    operation = datasets.create(parent=LOCATION, datasetId=dataset_id, body={}).execute()
    datasets.delete(name=f"{LOCATION}/datasets/{dataset_id}").execute()
    assert failure_of(datasets.operations().get(name=operation["name"])) == 404
    again = datasets.create(parent=LOCATION, datasetId=dataset_id, body={}).execute()
    listed = datasets.operations().list(name=f"{LOCATION}/datasets/{dataset_id}").execute()
    assert listed["operations"] == [again]


@pytest.mark.rule("healthcare.operations.deleted_store", OPERATIONS)
def test_an_operation_fails_whose_store_is_deleted_before_it_runs(
    slow: Any, slow_store: DicomStore, slow_bucket: storage.Bucket
) -> None:
    started = slow_store.start_import(f"gs://{slow_bucket.name}/one.dcm")
    slow_store.stores.delete(name=slow_store.name).execute()
    slow.admin("PATCH", "behaviour", {"operation_seconds": 0})
    operation = slow_store.wait(started)
    assert "error" in operation
    parent = dataset_of(slow_store)
    slow_store.stores.create(parent=parent, dicomStoreId="images", body={}).execute()
    assert slow_store.get("/instances").json() == [], "nothing was left in its name"
