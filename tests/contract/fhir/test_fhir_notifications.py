"""Changes are announced on Pub/Sub, and survive the server's death."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from tests.contract.fhir.fhir_client import (
    DECISION,
    PUBSUB,
    SYSTEM,
    FhirClient,
    entry,
    observation,
    patient,
    unique,
)

PROJECT = "projects/fhir-contract"
_PULL_TIMEOUT_SECONDS = 10.0


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


@pytest.mark.rule("fhir.pubsub.missing-topic", PUBSUB)
def test_a_missing_topic_does_not_fail_the_write(new_store: Callable[..., FhirClient]) -> None:
    topic = f"{PROJECT}/topics/absent-{unique()}"
    store = new_store(notificationConfigs=[{"pubsubTopic": topic}])
    assert store.create(patient()).status == 201


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
