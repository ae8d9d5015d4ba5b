"""Leases over time: one wait of a little more than the shortest deadline serves every test."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from google.api_core import exceptions
from google.pubsub_v1.types import ReceivedMessage
from tests.contract.pubsub.clients import Clients, data_of

LEASE = "https://cloud.google.com/pubsub/docs/lease-management"
EXACTLY_ONCE = "https://cloud.google.com/pubsub/docs/exactly-once-delivery"
DEAD_LETTER = "https://cloud.google.com/pubsub/docs/dead-letter-topics"
SHORTEST_DEADLINE_SECONDS = 10


@dataclass
class Aged:
    """What the shortest ack deadline left of one message in five subscriptions."""

    expired_after_seconds: float
    first: list[ReceivedMessage]
    again: list[ReceivedMessage]
    extended: list[ReceivedMessage]
    acknowledged: list[ReceivedMessage]
    letters: list[ReceivedMessage]
    slow_calls: list[Any]
    exactly_once: ExactlyOnce


@dataclass
class ExactlyOnce:
    """The same for two leases of a subscription that delivers exactly once."""

    while_outstanding: list[ReceivedMessage]
    afterwards: list[ReceivedMessage]
    expired: ReceivedMessage
    extended: ReceivedMessage
    subscription: str


@pytest.fixture(scope="module")
def aged(pubsub: Clients) -> Aged:
    topic, letters = pubsub.topic(), pubsub.topic()
    settings = {"filter": "NOT attributes:only"}
    expiring, extended, acknowledged, slow = (
        pubsub.subscription(topic, **settings) for _ in range(4)
    )
    poisoned = pubsub.subscription(
        topic, dead_letter_policy={"dead_letter_topic": letters}, **settings
    )
    graveyard = pubsub.subscription(letters)
    slow_calls: list[Any] = []
    future = pubsub.subscriber.subscribe(slow, slow_calls.append)
    once = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    pubsub.publish(topic, b"leased")
    pubsub.publish(topic, b"extended", only="exactly-once")
    for _ in range(4):
        pubsub.nack(poisoned, pubsub.pull(poisoned))
    pubsub.pull(poisoned)
    pubsub.modify(extended, pubsub.pull(extended), 60)
    pubsub.acknowledge(acknowledged, pubsub.pull(acknowledged))
    once_expired, once_extended = sorted(
        pubsub.drain(once, 2), key=lambda each: each.message.data, reverse=True
    )
    pubsub.modify(once, [once_extended], 60)
    began = time.monotonic()
    first = pubsub.pull(expiring)
    once_outstanding = pubsub.pull_now(once)
    again = pubsub.drain(expiring, 1, within_seconds=15)
    expired_after_seconds = time.monotonic() - began
    time.sleep(2)
    future.cancel()
    future.result(timeout=10)
    return Aged(
        expired_after_seconds,
        first,
        again,
        pubsub.pull_now(extended),
        pubsub.pull_now(acknowledged),
        pubsub.pull_now(graveyard),
        slow_calls,
        ExactlyOnce(once_outstanding, pubsub.pull_now(once), once_expired, once_extended, once),
    )


@pytest.mark.rule("pubsub.lease.expiry", LEASE)
def test_an_unacknowledged_message_comes_back_at_its_deadline(aged: Aged) -> None:
    assert data_of(aged.again) == [b"leased"]
    assert aged.again[0].message.message_id == aged.first[0].message.message_id
    assert aged.again[0].ack_id != aged.first[0].ack_id
    assert aged.expired_after_seconds == pytest.approx(SHORTEST_DEADLINE_SECONDS, abs=2)


@pytest.mark.rule("pubsub.lease.extension", LEASE)
def test_an_extended_lease_outlives_the_deadline(aged: Aged) -> None:
    assert aged.extended == []


@pytest.mark.rule("pubsub.acknowledge", LEASE)
def test_an_acknowledged_message_never_comes_back(aged: Aged) -> None:
    assert aged.acknowledged == []


@pytest.mark.rule("pubsub.lease.streaming", LEASE)
def test_the_clients_lease_management_keeps_a_slow_message(aged: Aged) -> None:
    assert [message.data for message in aged.slow_calls] == [b"leased"]


@pytest.mark.rule("pubsub.dead_letter.expiry", DEAD_LETTER)
def test_a_fifth_lease_that_runs_out_is_a_dead_letter_though_nobody_pulls(aged: Aged) -> None:
    [letter] = aged.letters
    assert letter.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"


@pytest.mark.rule("pubsub.exactly_once.expiry", EXACTLY_ONCE)
def test_an_exactly_once_ack_id_dies_with_its_deadline(pubsub: Clients, aged: Aged) -> None:
    once = aged.exactly_once
    assert once.while_outstanding == []
    assert data_of(once.afterwards) == [b"leased"]
    with pytest.raises(exceptions.InvalidArgument) as caught:
        pubsub.acknowledge(once.subscription, [once.expired])
    assert set(caught.value.metadata) == {once.expired.ack_id}
    pubsub.acknowledge(once.subscription, [once.extended])
