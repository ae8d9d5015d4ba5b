"""Deleting instances, series and studies, and the counts that remain."""

from __future__ import annotations

import pytest
import requests
from tests.contract.dicom.files import ct_series, ct_slice, encoded
from tests.contract.dicom.stores import DicomStore, path_of

DELETE = "https://cloud.google.com/healthcare-api/docs/how-tos/dicomweb#delete-dicom"
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
