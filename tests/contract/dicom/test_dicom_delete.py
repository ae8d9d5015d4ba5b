"""Deleting instances, series and studies, and the counts that remain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pydicom.uid import generate_uid
from tests.contract.dicom.files import ct_series, ct_slice, encoded
from tests.contract.dicom.stores import DicomStore, path_of

DELETE = "https://cloud.google.com/healthcare-api/docs/how-tos/dicomweb#delete-dicom"
STATEMENT = "https://cloud.google.com/healthcare-api/docs/dicom#deletion"
OPERATION = "https://cloud.google.com/healthcare-api/docs/how-tos/long-running-operations"
METRICS = (
    "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"
    "/projects.locations.datasets.dicomStores/getDICOMStoreMetrics"
)


def delete(store: DicomStore, path: str) -> requests.Response:
    return requests.delete(store.url + path, timeout=30)


@pytest.mark.rule("dicom.delete.instance", DELETE)
def test_an_instance_is_deleted_at_once_and_can_be_replaced(store: DicomStore) -> None:
    first, second = ct_series(2)
    store.put(first, second)
    answer = delete(store, path_of(first))
    assert (answer.status_code, answer.json()) == (200, {})
    assert store.get(f"{path_of(first)}/metadata").status_code == 404
    assert store.get(f"{path_of(second)}/metadata").status_code == 200
    assert delete(store, path_of(first)).status_code == 404
    first.StudyDescription = "REPLACED"
    store.put(first)


@pytest.mark.rule("dicom.delete.operation", DELETE)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_study_or_series_is_deleted_by_an_operation(store: DicomStore, depth: int) -> None:
    slices = ct_series(3)
    store.put(*slices)
    operation = store.wait(delete(store, path_of(slices[0], depth)).json())
    assert operation["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert store.get("/instances").json() == []
    assert delete(store, path_of(slices[0], depth)).status_code == 404


@pytest.fixture
def slow_store(start_cloud: Callable[..., Any], tmp_path: Path) -> Iterator[DicomStore]:
    """A store whose operations take an hour before they begin."""
    with start_cloud(tmp_path, "--set=operation_seconds=3600") as running:
        yield DicomStore.create(running.healthcare)


@pytest.mark.rule("dicom.delete.under_way", STATEMENT)
def test_what_is_being_deleted_takes_no_instances_until_that_is_over(
    slow_store: DicomStore,
) -> None:
    kept, going = ct_slice(study := generate_uid(), generate_uid()), ct_series(1)[0]
    series = ct_slice(study, generate_uid())
    slow_store.put(kept, going, series)
    operations = [
        delete(slow_store, path_of(going, 1)).json(),
        delete(slow_store, path_of(series, 2)).json(),
    ]
    assert all("done" not in operation for operation in operations)
    late = ct_slice(going.StudyInstanceUID, generate_uid())
    late_in_series = ct_slice(study, series.SeriesInstanceUID)
    elsewhere = ct_slice(study, kept.SeriesInstanceUID)
    answer = slow_store.stow([encoded(late), encoded(late_in_series), encoded(elsewhere)])
    assert answer.status_code == 409
    details = [item["00091097"]["Value"][0] for item in answer.json()["00081198"]["Value"]]
    assert len(details) == 2
    assert all("being deleted by an operation" in detail for detail in details)
    assert slow_store.get(f"{path_of(going)}/metadata").status_code == 200
    for operation in operations:
        slow_store.datasets.operations().cancel(name=operation["name"], body={}).execute()
        assert slow_store.wait(operation)["error"]["code"] == 1
    slow_store.put(late, late_in_series)


@pytest.mark.rule("dicom.delete.counter", OPERATION)
def test_the_operation_counts_what_it_deleted(store: DicomStore) -> None:
    slices = ct_series(3)
    store.put(*slices)
    operation = store.wait(delete(store, path_of(slices[0], 1)).json())
    assert operation["metadata"]["apiMethodName"].endswith("DeleteStudy")
    assert operation["metadata"]["counter"] == {"success": "3"}


@pytest.mark.rule("dicom.delete.scope", DELETE)
def test_deleting_one_series_leaves_the_others(store: DicomStore) -> None:
    first, second = ct_series(2), ct_series(1)
    second[0].StudyInstanceUID = first[0].StudyInstanceUID
    store.put(*first, *second)
    store.wait(delete(store, path_of(first[0], 2)).json())
    (left,) = store.web.search_for_series(first[0].StudyInstanceUID)
    assert left["0020000E"]["Value"] == [second[0].SeriesInstanceUID]
    for dataset in first:
        assert store.get(path_of(dataset)).status_code == 404


@pytest.mark.rule("dicom.metrics.after_delete", METRICS)
def test_metrics_follow_every_change(store: DicomStore) -> None:
    first, second = ct_series(2)
    other = ct_slice(first.StudyInstanceUID, generate_uid())
    store.put(first, second, other)
    studies = store.stores.dicomWeb().studies()
    study = f"{store.name}/dicomWeb{path_of(first, 1)}"
    series = f"{store.name}/dicomWeb{path_of(first, 2)}"
    of_series = studies.series().getSeriesMetrics(series=series).execute()
    assert of_series["instanceCount"] == "2"
    assert of_series["blobStorageSizeBytes"] == str(len(encoded(first)) + len(encoded(second)))
    delete(store, path_of(first))
    assert studies.series().getSeriesMetrics(series=series).execute()["instanceCount"] == "1"
    store.wait(delete(store, path_of(other, 2)).json())
    found = studies.getStudyMetrics(study=study).execute()
    assert (found["seriesCount"], found["instanceCount"]) == ("1", "1")


@pytest.mark.rule("dicom.metrics", METRICS)
def test_metrics_count_what_is_stored(store: DicomStore) -> None:
    slices = [*ct_series(2), *ct_series(1)]
    sibling = ct_slice(slices[0].StudyInstanceUID, slices[2].SeriesInstanceUID)
    store.put(*slices, sibling)
    metrics = store.stores.getDICOMStoreMetrics(name=store.name).execute()
    counts = [metrics[key] for key in ("studyCount", "seriesCount", "instanceCount")]
    assert counts == ["2", "3", "4"]
    size = sum(len(encoded(dataset)) for dataset in (*slices, sibling))
    assert metrics["blobStorageSizeBytes"] == str(size)
    study = f"{store.name}/dicomWeb{path_of(slices[0], 1)}"
    studies = store.stores.dicomWeb().studies()
    found = studies.getStudyMetrics(study=study).execute()
    assert (found["seriesCount"], found["instanceCount"]) == ("2", "3")
