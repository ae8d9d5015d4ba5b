"""Ordering keys: messages of one key come in the order in which they were published."""

from __future__ import annotations

import pytest
from tests.contract.pubsub.clients import Clients, data_of

ORDERING = "https://cloud.google.com/pubsub/docs/ordering"


@pytest.mark.rule("pubsub.ordering", ORDERING)
def test_a_key_waits_for_its_earlier_messages_and_other_keys_do_not(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True)
    pubsub.publish(topic, b"a1", b"a2", b"a3", key="a")
    pubsub.publish(topic, b"b1", b"b2", key="b")
    pubsub.publish(topic, b"free")
    first = pubsub.pull_now(subscription, 1)
    assert data_of(first) == [b"a1"]
    others = pubsub.pull_now(subscription)
    assert data_of(others) == [b"b1", b"b2", b"free"]
    pubsub.acknowledge(subscription, first)
    assert data_of(pubsub.pull_now(subscription)) == [b"a2", b"a3"]


@pytest.mark.rule("pubsub.ordering.redelivery", ORDERING)
def test_redelivering_a_message_redelivers_those_behind_it(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True)
    pubsub.publish(topic, b"1", b"2", b"3", b"4", key="k")
    received = pubsub.pull_now(subscription)
    pubsub.acknowledge(subscription, received[:1])
    pubsub.nack(subscription, received[1:2])
    assert data_of(pubsub.pull_now(subscription)) == [b"2", b"3", b"4"]


@pytest.mark.rule("pubsub.ordering.retry_policy", ORDERING)
def test_a_resting_message_holds_back_its_key_only(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(
        topic, enable_message_ordering=True, retry_policy={"minimum_backoff": {"seconds": 1}}
    )
    pubsub.publish(topic, b"1", b"2", key="k")
    pubsub.nack(subscription, pubsub.pull_now(subscription, 1))
    pubsub.publish(topic, b"3", key="k")
    pubsub.publish(topic, b"other", key="o")
    assert data_of(pubsub.pull_now(subscription)) == [b"other"]
    assert data_of(pubsub.drain(subscription, 3)) == [b"1", b"2", b"3"]


@pytest.mark.rule("pubsub.ordering.off", ORDERING)
def test_without_ordering_a_key_means_nothing(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"1", b"2", key="k")
    pubsub.pull_now(subscription, 1)
    assert data_of(pubsub.pull_now(subscription)) == [b"2"]
