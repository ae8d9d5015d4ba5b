"""The official client rides over injected failures."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.publisher.exceptions import PublishToPausedOrderingKeyException
from tests.contract.pubsub.clients import Clients, data_of, eventually

ORDERING = "https://cloud.google.com/pubsub/docs/ordering"
RETRIES = "https://cloud.google.com/pubsub/docs/retry-requests"


@pytest.mark.rule("pubsub.retry.unavailable", RETRIES)
def test_every_call_of_a_messages_life_survives_two_503(pubsub: Clients, no_faults: Any) -> None:
    cloud = no_faults
    cloud.admin("DELETE", "calls")
    calls = ["Publisher.Publish", "Subscriber.Pull", "Subscriber.Acknowledge"]
    for call in calls:
        cloud.fault(f"pubsub.{call}", status=503, times=2)
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"through")
    received = pubsub.pull(subscription)
    assert data_of(received) == [b"through"]
    pubsub.acknowledge(subscription, received)
    assert [cloud.calls(f"pubsub.{call}") for call in calls] == [3, 3, 3]
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.retry.stream", RETRIES)
def test_a_stream_reconnects_after_an_outage(pubsub: Clients, no_faults: Any) -> None:
    no_faults.fault("pubsub.Subscriber.StreamingPull", status=503, times=2)
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"through")
    received: list[bytes] = []

    def callback(message: Any) -> None:
        received.append(message.data)
        message.ack()

    future = pubsub.subscriber.subscribe(subscription, callback)
    assert eventually(lambda: received == [b"through"])
    future.cancel()
    future.result(timeout=10)


@pytest.mark.rule(
    "pubsub.errors.codes", "https://cloud.google.com/pubsub/docs/reference/error-codes"
)
@pytest.mark.parametrize(
    ("status", "error"),
    [(429, exceptions.ResourceExhausted), (500, exceptions.InternalServerError)],
)
def test_an_injected_status_reaches_the_client_as_its_code(
    pubsub: Clients, no_faults: Any, status: int, error: type[Exception]
) -> None:
    no_faults.fault("pubsub.Publisher.GetTopic", status=status)
    with pytest.raises(error):
        pubsub.publisher.get_topic(topic=pubsub.topic(), retry=None)


@pytest.mark.rule("pubsub.ordering.publish_error", ORDERING)
def test_a_failed_publish_pauses_its_key_until_it_is_resumed(
    pubsub: Clients, no_faults: Any
) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True)
    publish = pubsub.publisher.publish
    no_faults.fault("pubsub.Publisher.Publish", status=400)
    with pytest.raises(exceptions.InvalidArgument):
        publish(topic, b"lost", ordering_key="k").result(timeout=10)
    with pytest.raises(PublishToPausedOrderingKeyException):
        publish(topic, b"refused", ordering_key="k").result(timeout=10)
    publish(topic, b"other", ordering_key="o").result(timeout=10)
    pubsub.publisher.resume_publish(topic, "k")
    publish(topic, b"resumed", ordering_key="k").result(timeout=10)
    assert data_of(pubsub.drain(subscription, 2)) == [b"other", b"resumed"]
