"""The documented limits of requests, from both sides."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports.grpc import SubscriberGrpcTransport
from google.pubsub_v1.types import StreamingPullRequest
from tests.contract.pubsub.clients import Clients, eventually

QUOTAS = "https://cloud.google.com/pubsub/quotas#resource_limits"
STREAMING_REQUEST = (
    "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#streamingpullrequest"
)
GRPC_LIMIT = "https://grpc.github.io/grpc/core/group__grpc__arg__keys.html"
LARGEST = 10_000_000


@pytest.mark.rule("pubsub.publish.batch_limit", QUOTAS)
def test_a_publish_request_has_at_most_1000_messages(pubsub: Clients) -> None:
    topic = pubsub.topic()
    assert len(set(pubsub.publish(topic, *[b"x"] * 1000))) == 1000
    for count in (0, 1001):
        with pytest.raises(exceptions.InvalidArgument, match="1 to 1000"):
            pubsub.publish(topic, *[b"x"] * count)


@pytest.mark.rule("pubsub.publish.largest", QUOTAS)
def test_a_message_at_every_limit_passes_whole(cloud: Any, pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    attributes = {f"{number:03}".ljust(256, "k"): "v" * 1024 for number in range(100)}
    data = b"\x00" * (LARGEST - 200_000)
    message = {"data": data, "attributes": attributes, "ordering_key": "o" * 1024}
    [message_id] = pubsub.publish_messages(topic, [message])
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(cloud.pubsub, options=unlimited) as channel:
        client = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        [received] = client.pull(subscription=subscription, max_messages=1).received_messages
    assert received.message.message_id == message_id
    assert received.message.data == data
    assert received.message.attributes == attributes
    assert received.message.ordering_key == "o" * 1024


@pytest.mark.rule("pubsub.pull.response_size", GRPC_LIMIT)
def test_a_backlog_of_large_messages_comes_in_responses_that_clients_take(
    pubsub: Clients,
) -> None:
    topic = pubsub.topic()
    pulled, streamed = pubsub.subscription(topic), pubsub.subscription(topic)
    for _ in range(6):
        pubsub.publish(topic, b"x" * 1_500_000)
    assert [len(each.message.data) for each in pubsub.drain(pulled, 6)] == [1_500_000] * 6
    received: list[int] = []

    def callback(message: Any) -> None:
        received.append(len(message.data))
        message.ack()

    future = pubsub.subscriber.subscribe(streamed, callback)
    assert eventually(lambda: received == [1_500_000] * 6)
    future.cancel()
    future.result(timeout=10)


@pytest.mark.rule("pubsub.pull.response_limit", QUOTAS)
def test_a_pull_answers_no_more_than_it_was_asked_for(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, *[b"x"] * 1000)
    pubsub.publish(topic, *[b"x"] * 10)
    assert len(pubsub.pull(subscription, 7)) == 7
    assert len(pubsub.pull(subscription, 5000)) == 1000


@pytest.mark.rule("pubsub.acknowledge.request_limit", QUOTAS)
def test_a_request_has_some_ack_ids_and_at_most_512_kilobytes_of_them(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    many = [f"{number}-{10**17}" for number in range(10**17, 10**17 + 14_000)]
    for ack_ids, words in ((many, "524288"), ([], "No ack ids")):
        with pytest.raises(exceptions.InvalidArgument, match=words):
            pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)
        with pytest.raises(exceptions.InvalidArgument, match=words):
            pubsub.subscriber.modify_ack_deadline(
                subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=10
            )


@pytest.mark.rule("pubsub.streaming.first_request", STREAMING_REQUEST)
@pytest.mark.parametrize(
    "later",
    [
        {"subscription": "projects/contract/subscriptions/other"},
        {"max_outstanding_messages": 1},
        {"max_outstanding_bytes": 1},
        {"protocol_version": 1},
    ],
    ids=lambda later: next(iter(later)),
)
def test_what_belongs_in_the_first_request_ends_the_stream_later(
    pubsub: Clients, later: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=next(iter(later))):
        _stream(pubsub, later)


@pytest.mark.rule("pubsub.streaming.arguments", STREAMING_REQUEST)
@pytest.mark.parametrize(
    ("later", "words"),
    [
        ({"ack_ids": ["made up"]}, "ack ID"),
        ({"modify_deadline_ack_ids": ["1-1"], "modify_deadline_seconds": [-1]}, "ack deadline"),
        ({"modify_deadline_ack_ids": ["1-1"]}, "differ in length"),
        ({"stream_ack_deadline_seconds": 9}, "ack deadline"),
    ],
    ids=["ack-id", "negative", "length", "stream-deadline"],
)
def test_a_wrong_request_ends_the_stream(
    pubsub: Clients, later: dict[str, Any], words: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=words):
        _stream(pubsub, later)


def _stream(pubsub: Clients, later: dict[str, Any]) -> None:
    """Open a stream, send one more request and read until the stream ends."""
    subscription = pubsub.subscription(pubsub.topic())
    requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
    requests.put({"subscription": subscription, "stream_ack_deadline_seconds": 10})

    def sent() -> Iterator[StreamingPullRequest]:
        while (request := requests.get()) is not None:
            yield StreamingPullRequest(request)

    try:
        responses = iter(pubsub.subscriber.streaming_pull(requests=sent(), timeout=15))
        next(responses)
        requests.put(later)
        next(responses)
    finally:
        requests.put(None)
