"""Changes are announced on Pub/Sub, and survive the server's death."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.cloud import pubsub_v1, storage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from tests.contract.fhir.fhir_client import (
    DECISION,
    FHIR_METHODS,
    FHIR_STORES,
    PUBSUB,
    SYSTEM,
    FhirClient,
    entry,
    observation,
    patient,
    unique,
)

PROJECT = "projects/fhir-contract"
_PULL_TIMEOUT_SECONDS = 30.0


class Channel:
    """A topic with one subscription."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        publisher = pubsub_v1.PublisherClient(
            transport=PublisherGrpcTransport(channel=self._channel)
        )
        self._subscriber = pubsub_v1.SubscriberClient(
            transport=SubscriberGrpcTransport(channel=self._channel)
        )
        name = f"fhir-{unique()}"
        self.topic = f"{PROJECT}/topics/{name}"
        self._subscription = f"{PROJECT}/subscriptions/{name}"
        publisher.create_topic(name=self.topic)
        self._subscriber.create_subscription(name=self._subscription, topic=self.topic)

    def take(self, count: int) -> list[Any]:
        """Pull and acknowledge messages until there are `count`."""
        messages: list[Any] = []
        while len(messages) < count:
            answer = self._subscriber.pull(
                subscription=self._subscription,
                max_messages=count - len(messages),
                timeout=_PULL_TIMEOUT_SECONDS,
            )
            received = answer.received_messages
            self._subscriber.acknowledge(
                subscription=self._subscription, ack_ids=[item.ack_id for item in received]
            )
            messages += [item.message for item in received]
        return messages

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def channel(cloud: Any) -> Iterator[Channel]:
    made = Channel(cloud.pubsub)
    yield made
    made.close()


@pytest.mark.rule("fhir.pubsub.attributes", PUBSUB)
def test_each_change_is_announced_by_name(
    new_store: Callable[..., FhirClient], channel: Channel
) -> None:
    store = new_store(notificationConfigs=[{"pubsubTopic": channel.topic}])
    made = store.create(observation()).body
    reference = f"Observation/{made['id']}"
    updated = store.update({**made, "status": "final"}).body
    store.patch(reference, [{"op": "replace", "path": "/status", "value": "amended"}])
    store.delete(reference)
    messages = {item.attributes["action"]: item for item in channel.take(4)}
    assert set(messages) == {"CreateResource", "UpdateResource", "PatchResource", "DeleteResource"}
    second = messages["UpdateResource"]
    assert second.data.decode() == store.name(reference)
    assert second.attributes["versionId"] == updated["meta"]["versionId"]
    assert second.attributes["storeName"] == store.store
    assert second.attributes["resourceType"] == "Observation"
    assert {item.attributes["payloadType"] for item in messages.values()} == {"NameOnly"}
    assert second.attributes["lastUpdatedTime"].endswith(" UTC")


@pytest.mark.rule("fhir.pubsub.full-resource", PUBSUB)
def test_full_resources_where_configured(
    new_store: Callable[..., FhirClient], channel: Channel
) -> None:
    config = {
        "pubsubTopic": channel.topic,
        "sendFullResource": True,
        "sendPreviousResourceOnDelete": True,
    }
    store = new_store(notificationConfigs=[config])
    made = store.create(patient()).body
    store.delete(f"Patient/{made['id']}")
    messages = channel.take(2)
    assert {item.attributes["payloadType"] for item in messages} == {"FullResource"}
    assert [json.loads(item.data) for item in messages] == [made, made]


@pytest.mark.rule("fhir.pubsub.only-what-happened", PUBSUB)
def test_failed_transactions_and_no_ops_announce_nothing(
    new_store: Callable[..., FhirClient], channel: Channel
) -> None:
    store = new_store(notificationConfigs=[{"pubsubTopic": channel.topic}])
    value = unique()
    store.transaction(
        entry("POST", "Observation", observation()), entry("GET", "Observation/absent")
    )
    query = f"identifier={SYSTEM}|{value}"
    first = store.create(observation(value), if_none_exist=query).body
    store.create(observation(value), if_none_exist=query)
    last = store.create(patient()).body
    names = {item.data.decode().rpartition("/fhir/")[2] for item in channel.take(2)}
    assert names == {f"Observation/{first['id']}", f"Patient/{last['id']}"}


@pytest.mark.rule("fhir.pubsub.missing-topic", FHIR_STORES)
def test_a_call_whose_changes_cannot_be_told_fails(new_store: Callable[..., FhirClient]) -> None:
    topic = f"{PROJECT}/topics/absent-{unique()}"
    store = new_store(notificationConfigs=[{"pubsubTopic": topic}])
    answer = store.create(patient())
    assert (answer.status, answer.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert topic in answer.body["error"]["message"]
    store.stores.patch(name=store.store, body={}, updateMask="notificationConfigs").execute()
    assert store.search("Patient").resources == []
    assert store.create(patient()).status == 201


@pytest.mark.rule("fhir.pubsub.import-is-silent", PUBSUB)
def test_an_import_announces_nothing(
    new_store: Callable[..., FhirClient], channel: Channel, bucket: storage.Bucket
) -> None:
    store = new_store(notificationConfigs=[{"pubsubTopic": channel.topic}])
    bucket.blob("p.ndjson").upload_from_string('{"resourceType": "Patient", "id": "p"}')
    source = {"uri": f"gs://{bucket.name}/p.ndjson"}
    store.operation("import_", gcsSource=source, contentStructure="RESOURCE")
    made = store.create(patient()).body
    (message,) = channel.take(1)
    assert message.data.decode() == store.name(f"Patient/{made['id']}")


@pytest.mark.rule("fhir.pubsub.sendPreviousResourceOnDelete", PUBSUB)
def test_each_option_is_for_its_own_kind_of_change(
    new_store: Callable[..., FhirClient], channel: Channel
) -> None:
    config = {"pubsubTopic": channel.topic, "sendPreviousResourceOnDelete": True}
    store = new_store(notificationConfigs=[config])
    made = store.create(patient()).body
    store.delete(f"Patient/{made['id']}")
    created, deleted = channel.take(2)
    assert created.attributes["payloadType"] == "NameOnly"
    assert deleted.attributes["payloadType"] == "FullResource"
    assert json.loads(deleted.data) == made


@pytest.mark.rule("fhir.pubsub.too-large", PUBSUB)
def test_what_is_too_large_for_a_message_is_only_named(
    new_store: Callable[..., FhirClient], channel: Channel
) -> None:
    config = {"pubsubTopic": channel.topic, "sendFullResource": True}
    store = new_store(notificationConfigs=[config])
    made = store.create(observation(note=[{"text": "x" * 10_000_000}])).body
    (message,) = channel.take(1)
    assert message.attributes["payloadType"] == "NameOnly"
    assert message.data.decode() == store.name(f"Observation/{made['id']}")


@pytest.mark.rule("fhir.pubsub.large-binary", f"{FHIR_METHODS}/Binary-create")
def test_a_large_binary_is_announced_without_its_data(
    new_store: Callable[..., FhirClient], channel: Channel
) -> None:
    config = {"pubsubTopic": channel.topic, "sendFullResource": True}
    store = new_store(notificationConfigs=[config])
    assert store.post("/Binary", b"x" * 12_000_000, content_type="text/plain").status_code == 201
    (message,) = channel.take(1)
    assert message.attributes["payloadType"] == "FullResource"
    announced = json.loads(message.data)
    assert announced["contentType"] == "text/plain"
    (reason,) = announced["_data"]["extension"]
    assert ("data" in announced, reason["valueCode"]) == (False, "unsupported")


@pytest.mark.rule("fhir.durability.kill", DECISION)
def test_acknowledged_writes_survive_a_kill(start_cloud: Callable[..., Any], tmp_path: Any) -> None:
    with start_cloud(tmp_path) as running:
        store = FhirClient.of_new_store(running.healthcare)
        answers = [
            store.transaction(entry("POST", "Observation", observation(str(number))))
            for number in range(20)
        ]
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
    assert {answer.status for answer in answers} == {200}
    with start_cloud(tmp_path) as running:
        revived = FhirClient(running.healthcare, store.store)
        assert revived.search("Observation", {"status": "preliminary"}).body["total"] == 20
        assert revived.search("Observation", {"identifier": f"{SYSTEM}|7"}).body["total"] == 1
