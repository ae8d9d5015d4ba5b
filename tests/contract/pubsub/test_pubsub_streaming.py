"""StreamingPull, through the client's own callbacks, leases and flow control."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.types import FlowControl
from google.pubsub_v1.types import StreamingPullRequest
from tests.contract.pubsub.clients import Clients, eventually

STREAMING = "https://cloud.google.com/pubsub/docs/pull#streamingpull_api"
REFERENCE = (
    "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#streamingpullrequest"
)
FLOW_CONTROL = "https://cloud.google.com/pubsub/docs/flow-control"


@contextmanager
def subscribed(
    pubsub: Clients, subscription: str, callback: Callable[[Any], None], **options: Any
) -> Iterator[Any]:
    """Run a subscriber for the length of the block."""
    future = pubsub.subscriber.subscribe(subscription, callback, **options)
    try:
        yield future
    finally:
        future.cancel()
        if not future.done() or future.exception() is None:
            future.result(timeout=10)


@pytest.mark.rule("pubsub.streaming", STREAMING)
def test_two_thousand_messages_come_once_each(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    expected = {str(number).encode() for number in range(2000)}
    received: list[bytes] = []

    def callback(message: Any) -> None:
        received.append(message.data)
        message.ack()

    with subscribed(pubsub, subscription, callback):
        wait([pubsub.publisher.publish(topic, data) for data in expected])
        assert eventually(lambda: len(received) >= len(expected), within_seconds=30)
    assert sorted(received) == sorted(expected)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.streaming.nack", STREAMING)
def test_a_nack_brings_the_message_back_to_the_stream(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    seen: list[str] = []
    done = threading.Event()

    def callback(message: Any) -> None:
        seen.append(message.message_id)
        if len(seen) < 3:
            message.nack()
        else:
            message.ack()
            done.set()

    with subscribed(pubsub, subscription, callback):
        [message_id] = pubsub.publish(topic, b"refused twice")
        assert done.wait(10)
    assert seen == [message_id] * 3


@pytest.mark.rule("pubsub.streaming.flow_control", FLOW_CONTROL)
@pytest.mark.parametrize("limit", [{"max_messages": 2}, {"max_bytes": 2_000}], ids=str)
def test_no_more_is_outstanding_than_flow_control_allows(
    pubsub: Clients, limit: dict[str, int]
) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, *[b"x" * 1_000] * 6)
    held: list[Any] = []
    flow_control = FlowControl(**limit)
    with subscribed(pubsub, subscription, held.append, flow_control=flow_control):
        assert eventually(lambda: len(held) == 2)
        others = pubsub.pull(subscription)
        assert len(others) == 4
        pubsub.nack(subscription, others)
        time.sleep(0.3)
        assert len(held) == 2
        for message in held:
            message.ack()
        assert eventually(lambda: len(held) == 4)
        for message in held:
            message.ack()


@pytest.mark.rule("pubsub.streaming.deleted", STREAMING)
def test_deleting_the_subscription_ends_its_stream(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    with subscribed(pubsub, subscription, lambda message: message.ack()) as future:
        time.sleep(0.3)
        pubsub.subscriber.delete_subscription(subscription=subscription)
        assert isinstance(future.exception(timeout=10), exceptions.NotFound)


@pytest.mark.rule("pubsub.streaming.not_found", STREAMING)
def test_streaming_from_an_absent_subscription_fails(pubsub: Clients) -> None:
    future = pubsub.subscriber.subscribe(pubsub.name("subscriptions"), lambda message: None)
    assert isinstance(future.exception(timeout=10), exceptions.NotFound)


@pytest.mark.rule("pubsub.streaming.order", "https://cloud.google.com/pubsub/docs/ordering")
def test_ordered_messages_reach_the_callback_in_order(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True)
    received: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    def callback(message: Any) -> None:
        received[message.ordering_key].append(int(message.data))
        message.ack()

    with subscribed(pubsub, subscription, callback):
        for number in range(50):
            for key in received:
                pubsub.publisher.publish(topic, str(number).encode(), ordering_key=key)
        assert eventually(lambda: sum(map(len, received.values())) == 150)
    assert received == {key: list(range(50)) for key in "abc"}


@pytest.mark.rule("pubsub.streaming.client_id", REFERENCE)
def test_a_clients_newer_stream_takes_over_from_its_older_one(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    closing = threading.Event()

    def open_stream() -> Iterator[Any]:
        first = {
            "subscription": subscription,
            "stream_ack_deadline_seconds": 60,
            "client_id": "one",
        }

        def requests() -> Iterator[StreamingPullRequest]:
            yield StreamingPullRequest(first)
            closing.wait(30)

        responses = iter(pubsub.subscriber.streaming_pull(requests=requests(), timeout=30))
        assert not next(responses).received_messages
        return responses

    try:
        older = open_stream()
        pubsub.publish(topic, b"never confirmed")
        assert next(older).received_messages[0].message.data == b"never confirmed"
        began = time.monotonic()
        newer = open_stream()
        assert next(newer).received_messages[0].message.data == b"never confirmed"
        assert time.monotonic() - began < 9
        with pytest.raises(exceptions.ServiceUnavailable, match="newer stream"):
            next(older)
    finally:
        closing.set()
