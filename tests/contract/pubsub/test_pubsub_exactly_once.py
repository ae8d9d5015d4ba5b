"""Exactly-once delivery: acknowledgements that tell whether they counted."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.pubsub_v1.types import StreamingPullRequest
from tests.contract.pubsub.clients import Clients, data_of

EXACTLY_ONCE = "https://cloud.google.com/pubsub/docs/exactly-once-delivery"
ERROR_DETAILS = "https://github.com/googleapis/nodejs-pubsub/issues/1951"
RESPONSE = (
    "https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#streamingpullresponse"
)
MALFORMED = "made up"


def exactly_once(pubsub: Clients, topic: str, **settings: Any) -> str:
    return pubsub.subscription(topic, enable_exactly_once_delivery=True, **settings)


def failed_ack_ids(error: exceptions.InvalidArgument) -> dict[str, str]:
    assert error.reason == "EXACTLY_ONCE_ACKID_FAILURE"
    assert error.domain == "pubsub.googleapis.com"
    return dict(error.metadata)


@pytest.mark.rule("pubsub.exactly_once.stale_ack_id", EXACTLY_ONCE)
def test_only_the_latest_ack_id_acknowledges(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = exactly_once(pubsub, topic)
    pubsub.publish(topic, b"one")
    first = pubsub.pull(subscription)
    pubsub.nack(subscription, first)
    second = pubsub.pull(subscription)
    with pytest.raises(exceptions.InvalidArgument, match="acknowledgement ids") as caught:
        pubsub.acknowledge(subscription, first)
    assert caught.value.grpc_status_code == grpc.StatusCode.INVALID_ARGUMENT
    assert failed_ack_ids(caught.value) == {first[0].ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}
    pubsub.acknowledge(subscription, second)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.exactly_once.partial_failure", ERROR_DETAILS)
def test_valid_ack_ids_count_beside_invalid_ones(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = exactly_once(pubsub, topic)
    pubsub.publish(topic, b"good", b"bad")
    good, bad = pubsub.drain(subscription, 2)
    pubsub.nack(subscription, [bad])
    with pytest.raises(exceptions.InvalidArgument) as caught:
        pubsub.subscriber.acknowledge(
            subscription=subscription, ack_ids=[good.ack_id, bad.ack_id, MALFORMED]
        )
    assert set(failed_ack_ids(caught.value)) == {bad.ack_id, MALFORMED}
    assert data_of(pubsub.pull(subscription)) == [b"bad"]
    with pytest.raises(exceptions.InvalidArgument) as caught:
        pubsub.modify(subscription, [good], 60)
    assert set(failed_ack_ids(caught.value)) == {good.ack_id}


@pytest.mark.rule("pubsub.exactly_once.off", EXACTLY_ONCE)
def test_without_it_a_stale_ack_id_is_accepted_in_silence(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"one")
    stale = pubsub.pull(subscription)
    pubsub.nack(subscription, stale)
    pubsub.acknowledge(subscription, stale)
    pubsub.modify(subscription, stale, 60)
    assert data_of(pubsub.pull(subscription)) == [b"one"]


@pytest.mark.rule("pubsub.exactly_once.ack_with_response", EXACTLY_ONCE)
def test_the_clients_ack_with_response_tells_success_and_failure(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = exactly_once(pubsub, topic)
    messages: queue.Queue[Any] = queue.Queue()
    future = pubsub.subscriber.subscribe(subscription, messages.put)
    try:
        pubsub.publish(topic, b"refused")
        refused = messages.get(timeout=10)
        assert refused.nack_with_response().result(timeout=10) == AcknowledgeStatus.SUCCESS
        again = messages.get(timeout=10)
        with pytest.raises(AcknowledgeError) as caught:
            refused.ack_with_response().result(timeout=10)
        assert caught.value.error_code == AcknowledgeStatus.INVALID_ACK_ID
        assert again.ack_with_response().result(timeout=10) == AcknowledgeStatus.SUCCESS
        assert messages.empty()
    finally:
        future.cancel()
        future.result(timeout=10)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.exactly_once.confirmations", RESPONSE)
def test_a_stream_confirms_acknowledgements_and_extensions(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = exactly_once(pubsub, topic)
    pubsub.publish(topic, b"one")
    requests: queue.Queue[StreamingPullRequest | None] = queue.Queue()
    requests.put(StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=60))
    responses = iter(pubsub.subscriber.streaming_pull(requests=_until_none(requests), timeout=15))
    try:
        assert next(responses).subscription_properties.exactly_once_delivery_enabled
        [received] = next(responses).received_messages
        requests.put(
            StreamingPullRequest(
                modify_deadline_ack_ids=[received.ack_id, MALFORMED],
                modify_deadline_seconds=[60, 60],
            )
        )
        extended = next(responses).modify_ack_deadline_confirmation
        assert list(extended.ack_ids) == [received.ack_id]
        assert list(extended.invalid_ack_ids) == [MALFORMED]
        requests.put(StreamingPullRequest(ack_ids=[received.ack_id, MALFORMED]))
        settled = next(responses).acknowledge_confirmation
        assert list(settled.ack_ids) == [received.ack_id]
        assert list(settled.invalid_ack_ids) == [MALFORMED]
    finally:
        requests.put(None)


def _until_none(
    requests: queue.Queue[StreamingPullRequest | None],
) -> Iterator[StreamingPullRequest]:
    while (request := requests.get()) is not None:
        yield request
