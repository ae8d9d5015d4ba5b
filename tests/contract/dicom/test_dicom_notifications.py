"""Pub/Sub messages about instances, in their new and in their legacy form."""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from google.cloud import storage
from pydicom.dataset import Dataset
from tests.contract.dicom.files import ct_series, encoded
from tests.contract.dicom.stores import DicomStore, path_of, unique
from tests.contract.pubsub.clients import Clients

NOTIFICATIONS = "https://cloud.google.com/healthcare-api/docs/how-tos/dicom-pubsub"
REST = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"
CONFIG = f"{REST}/projects.locations.datasets.dicomStores#DicomNotificationConfig"
LEGACY = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1/NotificationConfig"

PERMISSION_DENIED = 7


@pytest.fixture(scope="module")
def pubsub(cloud: Any) -> Iterator[Clients]:
    clients = Clients(cloud.pubsub)
    yield clients
    clients.close()


Listen = Callable[..., tuple[DicomStore, str]]


@pytest.fixture
def listen(cloud: Any, pubsub: Clients) -> Listen:
    """Create a store that notifies a new topic, and a subscription to it."""

    def create(*, legacy: dict[str, Any] | None = None) -> tuple[DicomStore, str]:
        topic = pubsub.topic()
        subscription = pubsub.subscription(topic)
        if legacy is None:
            body: dict[str, Any] = {"notificationConfigs": [{"pubsubTopic": topic}]}
        else:
            body = {"notificationConfig": {"pubsubTopic": topic, **legacy}}
        return DicomStore.create(cloud.healthcare, **body), subscription

    return create


def name_of(store: DicomStore, dataset: Dataset) -> bytes:
    return f"{store.name}/dicomWeb{path_of(dataset)}".encode()


@pytest.mark.rule("dicom.notifications.attributes", NOTIFICATIONS)
def test_each_stored_instance_is_told_with_attributes(listen: Listen, pubsub: Clients) -> None:
    store, subscription = listen()
    slices = ct_series(2)
    store.put(*slices)
    messages = [received.message for received in pubsub.drain(subscription, 2)]
    assert {message.data for message in messages} == {name_of(store, item) for item in slices}
    attributes = dict(next(m for m in messages if m.data == name_of(store, slices[0])).attributes)
    # RFC 1123, unlike nearly every other time in the API.
    assert email.utils.parsedate_to_datetime(attributes.pop("lastUpdatedTime"))
    assert attributes.pop("versionId")
    assert attributes == {
        "action": "StoreInstances",
        "storeName": store.name,
        "studyInstanceUID": slices[0].StudyInstanceUID,
        "seriesInstanceUID": slices[0].SeriesInstanceUID,
        "sopInstanceUID": slices[0].SOPInstanceUID,
        "modality": "CT",
        "storageClass": "STANDARD",
    }


@pytest.mark.rule("dicom.notifications.once", NOTIFICATIONS)
def test_refused_and_identical_files_are_not_told(listen: Listen, pubsub: Clients) -> None:
    store, subscription = listen()
    dataset = ct_series(1)[0]
    store.put(dataset)
    pubsub.acknowledge(subscription, pubsub.drain(subscription, 1))
    store.stow([encoded(dataset), b"junk"])
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("dicom.notifications.delete", NOTIFICATIONS)
def test_deletions_are_told_too(listen: Listen, pubsub: Clients) -> None:
    store, subscription = listen()
    dataset = ct_series(1)[0]
    store.put(dataset)
    requests.delete(store.url + path_of(dataset), timeout=30)
    actions = [each.message.attributes["action"] for each in pubsub.drain(subscription, 2)]
    assert sorted(actions) == ["DeleteInstances", "StoreInstances"]


@pytest.mark.rule("dicom.notifications.legacy", LEGACY)
@pytest.mark.parametrize("send_for_bulk_import", [False, True])
def test_the_legacy_form_has_no_attributes_and_imports_only_on_request(
    listen: Listen, pubsub: Clients, bucket: storage.Bucket, send_for_bulk_import: bool
) -> None:
    store, subscription = listen(legacy={"sendForBulkImport": send_for_bulk_import})
    stored, imported = ct_series(1)[0], ct_series(1)[0]
    store.put(stored)
    bucket.blob("one.dcm").upload_from_string(encoded(imported))
    store.wait(store.start_import(f"gs://{bucket.name}/one.dcm"))
    expected = {name_of(store, stored)}
    if send_for_bulk_import:
        expected.add(name_of(store, imported))
    received = pubsub.drain(subscription, len(expected))
    assert {each.message.data for each in received} == expected
    assert all(not each.message.attributes for each in received)
    pubsub.acknowledge(subscription, received)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("dicom.notifications.import", NOTIFICATIONS)
def test_imported_instances_are_told_as_imports(
    listen: Listen, pubsub: Clients, bucket: storage.Bucket
) -> None:
    store, subscription = listen()
    bucket.blob("one.dcm").upload_from_string(encoded(ct_series(1)[0]))
    store.wait(store.start_import(f"gs://{bucket.name}/*"))
    (received,) = pubsub.drain(subscription, 1)
    assert received.message.attributes["action"] == "ImportDicomData"


@pytest.mark.rule("dicom.notifications.missing_topic", CONFIG)
def test_a_call_fails_whose_notifications_could_not_be_sent(
    cloud: Any, bucket: storage.Bucket
) -> None:
    gone = f"projects/contract/topics/{unique('gone')}"
    store = DicomStore.create(cloud.healthcare, notificationConfigs=[{"pubsubTopic": gone}])
    dataset = ct_series(1)[0]
    refused = store.stow([encoded(dataset)])
    assert refused.status_code == 403
    assert "pubsub.topics.publish" in refused.json()["error"]["message"]
    bucket.blob("one.dcm").upload_from_string(encoded(dataset))
    operation = store.wait(store.start_import(f"gs://{bucket.name}/one.dcm"))
    assert operation["error"]["code"] == PERMISSION_DENIED
    assert store.get("/instances").json() == [], "what fails leaves nothing behind"
    body: dict[str, Any] = {"notificationConfigs": []}
    store.stores.patch(name=store.name, updateMask="notificationConfigs", body=body).execute()
    store.put(dataset)
