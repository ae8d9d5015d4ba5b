"""Storage classes: set by imports and operations, told of, and found again."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import storage
from googleapiclient.errors import HttpError
from pydicom.dataset import Dataset
from tests.contract.dicom.files import ct_series, encoded
from tests.contract.dicom.stores import DicomStore, path_of
from tests.contract.pubsub.clients import Clients

REST = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"
STORES = f"{REST}/projects.locations.datasets.dicomStores"
SET = f"{STORES}/setBlobStorageSettings"
INFO = f"{STORES}.dicomWeb.studies.series.instances/getStorageInfo"
NOTIFICATIONS = "https://cloud.google.com/healthcare-api/docs/dicom-pubsub"


def storage_info(store: DicomStore, dataset: Dataset) -> dict[str, Any]:
    """Return what getStorageInfo says of an instance's blob."""
    instances = store.stores.dicomWeb().studies().series().instances()
    resource = f"{store.name}/dicomWeb{path_of(dataset)}"
    answer = instances.getStorageInfo(resource=resource).execute()
    assert answer["referencedResource"] == resource
    return dict(answer["blobStorageInfo"])


def classes(store: DicomStore, *datasets: Dataset) -> list[str]:
    return [storage_info(store, dataset)["storageClass"] for dataset in datasets]


def move(store: DicomStore, path: str, storage_class: str, **body: Any) -> dict[str, Any]:
    """Set the storage class below a DICOMweb path, or of a store when it is empty."""
    body = {"blobStorageSettings": {"blobStorageClass": storage_class}, **body}
    if path:
        methods, resource = store.stores.dicomWeb().studies(), f"{store.name}/dicomWeb{path}"
    else:
        methods, resource = store.stores, store.name
    return store.wait(methods.setBlobStorageSettings(resource=resource, body=body).execute())


@pytest.mark.rule("dicom.storage_class.standard", INFO)
def test_a_stored_instance_is_standard_and_its_size_is_known(store: DicomStore) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    info = storage_info(store, dataset)
    assert info["storageClass"] == "STANDARD"
    assert info["sizeBytes"] == str(len(encoded(dataset)))
    assert info["storageClassUpdateTime"]


@pytest.mark.rule("dicom.storage_class.levels", SET)
def test_a_study_a_series_or_an_instance_moves(store: DicomStore) -> None:
    first, second = ct_series(2)
    (other,) = ct_series(1)
    store.put(first, second, other)
    operation = move(store, path_of(first, 1), "NEARLINE")
    assert operation["metadata"]["counter"] == {"success": "2"}
    assert operation["response"]["@type"].endswith("SetBlobStorageSettingsResponse")
    assert classes(store, first, second, other) == ["NEARLINE", "NEARLINE", "STANDARD"]
    move(store, path_of(first, 3), "COLDLINE")
    move(store, path_of(other, 2), "ARCHIVE")
    assert classes(store, first, second, other) == ["COLDLINE", "NEARLINE", "ARCHIVE"]
    moved = storage_info(store, first)
    assert moved["storageClassUpdateTime"] > storage_info(store, second)["storageClassUpdateTime"]


@pytest.mark.rule("dicom.storage_class.filter", SET)
def test_a_store_moves_whole_or_by_a_list_in_a_bucket(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    first, second = ct_series(1)[0], ct_series(1)[0]
    store.put(first, second)
    move(store, "", "COLDLINE")
    assert classes(store, first, second) == ["COLDLINE", "COLDLINE"]
    bucket.blob("list.txt").upload_from_string(f"{path_of(first, 1)}\n")
    chosen = {"resourcePathsGcsUri": f"gs://{bucket.name}/list.txt"}
    move(store, "", "STANDARD", filterConfig=chosen)
    assert classes(store, first, second) == ["STANDARD", "COLDLINE"]
    with pytest.raises(HttpError) as caught:
        move(store, path_of(first, 1), "STANDARD", filterConfig=chosen)
    assert caught.value.status_code == 400, "a list chooses from a whole store"


@pytest.mark.rule("dicom.storage_class.refused", SET)
def test_an_unknown_class_or_resource_is_refused_at_once(store: DicomStore) -> None:
    (dataset,) = ct_series(1)
    store.put(dataset)
    wanted = [
        (path_of(dataset, 1), "GLACIAL", 400),
        (path_of(dataset, 1), "BLOB_STORAGE_CLASS_UNSPECIFIED", 400),
        ("/studies/1.2.3", "NEARLINE", 404),
        ("/studies/1.2.3/frames/1", "NEARLINE", 400),
    ]
    for path, storage_class, code in wanted:
        with pytest.raises(HttpError) as caught:
            move(store, path, storage_class)
        assert caught.value.status_code == code, path


@pytest.mark.rule("dicom.import.storage_class", f"{STORES}/import#BlobStorageSettings")
def test_an_import_chooses_the_class_of_what_is_new(cloud: Any, bucket: storage.Bucket) -> None:
    clients = Clients(cloud.pubsub)
    topic = clients.topic()
    subscription = clients.subscription(topic)
    store = DicomStore.create(cloud.healthcare, notificationConfigs=[{"pubsubTopic": topic}])
    known, new = ct_series(1)[0], ct_series(1)[0]
    store.put(known)
    clients.acknowledge(subscription, clients.drain(subscription, 1))
    for number, dataset in enumerate((known, new)):
        bucket.blob(f"{number}.dcm").upload_from_string(encoded(dataset))
    body = {
        "gcsSource": {"uri": f"gs://{bucket.name}/*.dcm"},
        "blobStorageSettings": {"blobStorageClass": "ARCHIVE"},
    }
    store.wait(store.stores.import_(name=store.name, body=body).execute())
    assert classes(store, known, new) == ["STANDARD", "ARCHIVE"]
    (received,) = clients.drain(subscription, 1)
    assert received.message.attributes["storageClass"] == "ARCHIVE"
    body["blobStorageSettings"]["blobStorageClass"] = "COOL"
    with pytest.raises(HttpError) as caught:
        store.stores.import_(name=store.name, body=body).execute()
    assert caught.value.status_code == 400
    clients.close()


@pytest.mark.rule("dicom.notifications.storage_class", NOTIFICATIONS)
def test_a_move_is_told_with_the_previous_class_and_only_if_it_is_one(cloud: Any) -> None:
    clients = Clients(cloud.pubsub)
    topic = clients.topic()
    subscription = clients.subscription(topic)
    store = DicomStore.create(cloud.healthcare, notificationConfigs=[{"pubsubTopic": topic}])
    (dataset,) = ct_series(1)
    store.put(dataset)
    move(store, path_of(dataset, 1), "NEARLINE")
    move(store, path_of(dataset, 1), "NEARLINE")
    move(store, path_of(dataset, 1), "ARCHIVE")
    store.get(path_of(dataset))
    received = [each.message for each in clients.drain(subscription, 3)]
    moves = [m.attributes for m in received if m.attributes["action"] == "SetBlobSettings"]
    told = {(move["previousStorageClass"], move["storageClass"]) for move in moves}
    assert told == {("STANDARD", "NEARLINE"), ("NEARLINE", "ARCHIVE")}
    (first,) = [m.attributes for m in received if m.attributes["action"] == "StoreInstances"]
    assert "previousStorageClass" not in first
    clients.close()


@pytest.mark.rule("dicom.notifications.deleted_class", NOTIFICATIONS)
def test_a_deletion_tells_the_class_that_was(cloud: Any) -> None:
    clients = Clients(cloud.pubsub)
    topic = clients.topic()
    store = DicomStore.create(cloud.healthcare, notificationConfigs=[{"pubsubTopic": topic}])
    (dataset,) = ct_series(1)
    store.put(dataset)
    move(store, path_of(dataset, 1), "COLDLINE")
    subscription = clients.subscription(topic)
    store.web.delete_instance(*path_of(dataset).split("/")[2::2])
    (received,) = clients.drain(subscription, 1)
    assert received.message.attributes["action"] == "DeleteInstances"
    assert received.message.attributes["storageClass"] == "COLDLINE"
    store.put(dataset)
    assert classes(store, dataset) == ["STANDARD"], "a new instance has no past"
    clients.close()


@pytest.mark.rule("dicom.metrics.levels", f"{STORES}/getDICOMStoreMetrics")
def test_metrics_count_what_a_store_a_study_and_a_series_hold(store: DicomStore) -> None:
    empty = store.stores.getDICOMStoreMetrics(name=store.name).execute()
    assert empty == {"name": store.name}, "a zero count is absent"
    slices, (other,) = ct_series(3), ct_series(1)
    store.put(*slices, other)
    size = sum(len(encoded(item)) for item in slices)
    study = f"{store.name}/dicomWeb{path_of(slices[0], 1)}"
    counts = store.stores.dicomWeb().studies().getStudyMetrics(study=study).execute()
    assert int(counts.pop("structuredStorageSizeBytes")) > 0
    assert counts == {
        "study": study,
        "seriesCount": "1",
        "instanceCount": "3",
        "blobStorageSizeBytes": str(size),
    }
    series = f"{store.name}/dicomWeb{path_of(slices[0], 2)}"
    counts = store.stores.dicomWeb().studies().series().getSeriesMetrics(series=series).execute()
    assert (counts["series"], counts["instanceCount"]) == (series, "3")
    whole = store.stores.getDICOMStoreMetrics(name=store.name).execute()
    assert (whole["studyCount"], whole["seriesCount"], whole["instanceCount"]) == ("2", "2", "4")
    missing = f"{store.name}/dicomWeb/studies/1.2.3"
    with pytest.raises(HttpError) as caught:
        store.stores.dicomWeb().studies().getStudyMetrics(study=missing).execute()
    assert caught.value.status_code == 404
