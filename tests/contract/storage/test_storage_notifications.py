"""Bucket notifications arrive in real Pub/Sub subscriptions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1, storage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from tests.contract.conftest import PROJECT, RunningCloud

DOCS = "https://cloud.google.com/storage/docs/pubsub-notifications"
Pull = Callable[[int], list[Any]]


@pytest.fixture
def channel(cloud: RunningCloud) -> Any:
    with grpc.insecure_channel(cloud.pubsub) as opened:
        yield opened


@pytest.fixture
def topic(channel: Any) -> str:
    """A new topic's id."""
    publisher = pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    name = f"events-{uuid.uuid4().hex[:8]}"
    publisher.create_topic(name=f"projects/{PROJECT}/topics/{name}")
    return name


@pytest.fixture
def pull(channel: Any, topic: str) -> Pull:
    """Pull and acknowledge a number of messages of the topic."""
    subscriber = pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    path = f"projects/{PROJECT}/subscriptions/{topic}"
    subscriber.create_subscription(name=path, topic=f"projects/{PROJECT}/topics/{topic}")

    def pull(count: int) -> list[Any]:
        messages: list[Any] = []
        while len(messages) < count:
            answer = subscriber.pull(subscription=path, max_messages=100, timeout=5)
            received = answer.received_messages
            assert received, f"{len(messages)} of {count} messages came"
            subscriber.acknowledge(
                subscription=path, ack_ids=[message.ack_id for message in received]
            )
            messages += [message.message for message in received]
        return messages

    return pull


@pytest.mark.rule("storage.notifications.attributes", f"{DOCS}#attributes")
def test_a_new_object_is_announced_with_its_resource(
    bucket: storage.Bucket, topic: str, pull: Pull
) -> None:
    config = bucket.notification(
        topic_name=topic,
        event_types=["OBJECT_FINALIZE"],
        blob_name_prefix="incoming/",
        payload_format="JSON_API_V1",
        custom_attributes={"source": "ward"},
    )
    config.create()
    bucket.blob("elsewhere/x").upload_from_string(b"x")
    blob = bucket.blob("incoming/ü.dcm")
    blob.upload_from_string(b"DICM", content_type="application/dicom")
    (message,) = pull(1)
    attributes = dict(message.attributes)
    assert attributes.pop("eventTime").endswith("Z")
    assert attributes == {
        "source": "ward",
        "eventType": "OBJECT_FINALIZE",
        "bucketId": bucket.name,
        "objectId": "incoming/ü.dcm",
        "objectGeneration": str(blob.generation),
        "payloadFormat": "JSON_API_V1",
        "notificationConfig": f"projects/_/buckets/{bucket.name}"
        f"/notificationConfigs/{config.notification_id}",
    }
    resource = json.loads(message.data)
    assert (resource["name"], resource["size"]) == ("incoming/ü.dcm", "4")
    assert resource["md5Hash"] == blob.md5_hash


@pytest.mark.rule("storage.notifications.events", f"{DOCS}#events")
@pytest.mark.parametrize("versioned", [False, True])
def test_every_change_has_its_event(
    bucket: storage.Bucket, topic: str, pull: Pull, versioned: bool
) -> None:
    bucket.versioning_enabled = versioned
    bucket.patch()
    bucket.notification(topic_name=topic, payload_format="NONE").create()
    bucket.blob("o").upload_from_string(b"1")
    first = bucket.get_blob("o").generation
    bucket.blob("o").upload_from_string(b"2")
    second = bucket.get_blob("o").generation
    _ = [bucket.blob("o").patch(), bucket.blob("o").delete()]
    events = {
        (m.attributes["eventType"], int(m.attributes["objectGeneration"])): m for m in pull(5)
    }
    gone = "OBJECT_ARCHIVE" if versioned else "OBJECT_DELETE"
    assert set(events) == {
        ("OBJECT_FINALIZE", first),
        ("OBJECT_FINALIZE", second),
        ("OBJECT_METADATA_UPDATE", second),
        (gone, first),
        (gone, second),
    }
    overwritten = events[(gone, first)].attributes
    assert overwritten["overwrittenByGeneration"] == str(second)
    assert events[("OBJECT_FINALIZE", second)].attributes["overwroteGeneration"] == str(first)
    assert all(not message.data for message in events.values())


@pytest.mark.rule("storage.notifications.copies", f"{DOCS}#events")
def test_copies_and_compositions_are_new_objects(
    bucket: storage.Bucket, topic: str, pull: Pull
) -> None:
    bucket.blob("o").upload_from_string(b"1")
    config = bucket.notification(topic_name=topic, event_types=["OBJECT_FINALIZE"])
    config.create()
    bucket.copy_blob(bucket.blob("o"), bucket, "copied")
    bucket.blob("rewritten").rewrite(bucket.blob("o"))
    bucket.blob("composed").compose([bucket.blob("o")])
    bucket.move_blob(bucket.blob("copied"), "moved")
    names = {message.attributes["objectId"] for message in pull(4)}
    assert names == {"copied", "rewritten", "composed", "moved"}


@pytest.mark.rule(
    "storage.notifications.configs",
    "https://cloud.google.com/storage/docs/json_api/v1/notifications",
)
def test_configurations_are_created_listed_and_deleted(
    bucket: storage.Bucket, topic: str, channel: Any
) -> None:
    config = bucket.notification(topic_name=topic, payload_format="JSON_API_V1")
    config.create()
    (listed,) = bucket.list_notifications()
    assert (listed.topic_name, listed.notification_id) == (topic, config.notification_id)
    assert bucket.get_notification(config.notification_id).payload_format == "JSON_API_V1"
    publisher = pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    publisher.delete_topic(topic=f"projects/{PROJECT}/topics/{topic}")
    # A topic that is gone must not stop the bucket.
    bucket.blob("o").upload_from_string(b"x")
    config.delete()
    assert list(bucket.list_notifications()) == []
    with pytest.raises(exceptions.NotFound):
        bucket.get_notification(config.notification_id)


@pytest.mark.rule(
    "storage.notifications.refused",
    "https://cloud.google.com/storage/docs/reporting-changes#prereqs",
)
def test_a_configuration_that_cannot_work_is_refused(bucket: storage.Bucket, topic: str) -> None:
    with pytest.raises(exceptions.Forbidden, match="topic does not exist"):
        bucket.notification(topic_name="absent-topic").create()
    with pytest.raises(exceptions.BadRequest, match="event type"):
        bucket.notification(topic_name=topic, event_types=["OBJECT_SNEEZED"]).create()
