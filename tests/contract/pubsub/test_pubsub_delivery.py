"""Delivery: what is pulled, when it comes back, and where it goes in the end."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from google.api_core import exceptions
from tests.contract.pubsub.clients import Clients, data_of

PULL = "https://cloud.google.com/pubsub/docs/pull"
RETRY = "https://cloud.google.com/pubsub/docs/handling-failures"
DEAD_LETTER = "https://cloud.google.com/pubsub/docs/dead-letter-topics"


@pytest.mark.rule("pubsub.pull.acknowledge", PULL)
def test_a_message_reaches_each_subscription_until_that_one_acknowledges(pubsub: Clients) -> None:
    topic = pubsub.topic()
    first, second = pubsub.subscription(topic), pubsub.subscription(topic)
    [message_id] = pubsub.publish(topic, b"hello", modality="CT")
    [received] = pubsub.pull(first)
    assert received.message.message_id == message_id
    assert received.message.data == b"hello"
    assert received.message.attributes == {"modality": "CT"}
    assert abs(received.message.publish_time.timestamp() - time.time()) < 60
    assert received.delivery_attempt == 0
    pubsub.acknowledge(first, [received])
    assert pubsub.is_empty(first)
    assert data_of(pubsub.pull(second)) == [b"hello"]


@pytest.mark.rule("pubsub.pull.only_later_messages", PULL)
def test_a_subscription_is_owed_what_is_published_after_it(pubsub: Clients) -> None:
    topic = pubsub.topic()
    pubsub.publish(topic, b"before")
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"after")
    assert data_of(pubsub.pull(subscription)) == [b"after"]


@pytest.mark.rule("pubsub.pull.waits", PULL)
def test_pull_waits_for_a_message(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    timer = threading.Timer(0.5, lambda: pubsub.publish(topic, b"late"))
    timer.start()
    began = time.monotonic()
    assert data_of(pubsub.pull(subscription)) == [b"late"]
    assert time.monotonic() - began > 0.4
    timer.join()


@pytest.mark.rule("pubsub.pull.deadline", PULL)
def test_a_pull_that_timed_out_holds_no_message(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    with pytest.raises(exceptions.DeadlineExceeded):
        pubsub.pull(subscription, timeout=0.5, retry=None)
    pubsub.publish(topic, b"next")
    assert data_of(pubsub.pull(subscription)) == [b"next"]


@pytest.mark.rule("pubsub.pull.arguments", PULL)
def test_pull_and_acknowledge_check_their_arguments(pubsub: Clients) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    with pytest.raises(exceptions.InvalidArgument, match="max messages"):
        pubsub.pull(subscription, 0)
    with pytest.raises(exceptions.InvalidArgument, match="ack ID"):
        pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=["made up"])
    with pytest.raises(exceptions.InvalidArgument, match="ack deadline"):
        pubsub.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=["1-1"], ack_deadline_seconds=601
        )


@pytest.mark.rule("pubsub.nack", RETRY)
def test_a_nacked_message_comes_back_at_once_and_its_old_ack_id_is_stale(pubsub: Clients) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"again")
    first = pubsub.pull(subscription)
    pubsub.nack(subscription, first)
    second = pubsub.pull(subscription)
    assert [each.message.message_id for each in second] == [first[0].message.message_id]
    pubsub.acknowledge(subscription, first)
    pubsub.nack(subscription, second)
    third = pubsub.pull(subscription)
    assert data_of(third) == [b"again"]
    pubsub.acknowledge(subscription, third)
    assert pubsub.is_empty(subscription)


@pytest.mark.rule("pubsub.retry_policy", RETRY)
def test_a_retry_policy_doubles_the_rest_up_to_its_maximum(pubsub: Clients) -> None:
    topic = pubsub.topic()
    policy = {
        "minimum_backoff": timedelta(seconds=0.4),
        "maximum_backoff": timedelta(seconds=1),
    }
    subscription = pubsub.subscription(topic, retry_policy=policy)
    pubsub.publish(topic, b"resting")
    received, rests = pubsub.drain(subscription, 1), []
    for _ in range(3):
        began = time.monotonic()
        pubsub.nack(subscription, received)
        received = pubsub.drain(subscription, 1)
        rests.append(time.monotonic() - began)
    assert all(rest >= 0.9 * wanted for rest, wanted in zip(rests, [0.4, 0.8, 1.0], strict=True))
    assert rests[2] < 1.6


@pytest.mark.rule("pubsub.dead_letter", DEAD_LETTER)
def test_a_message_refused_five_times_moves_to_the_dead_letter_topic(pubsub: Clients) -> None:
    topic, letters = pubsub.topic(), pubsub.topic()
    graveyard = pubsub.subscription(letters)
    policy = {"dead_letter_topic": letters, "max_delivery_attempts": 5}
    subscription = pubsub.subscription(topic, dead_letter_policy=policy)
    pubsub.publish(topic, b"poison", study="s1")
    attempts = []
    for _ in range(5):
        received = pubsub.pull(subscription)
        attempts.append(received[0].delivery_attempt)
        pubsub.nack(subscription, received)
    assert attempts == [1, 2, 3, 4, 5]
    assert pubsub.is_empty(subscription)
    [letter] = pubsub.pull(graveyard)
    published = letter.message.attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert published.endswith("Z")
    assert letter.message.data == b"poison"
    assert letter.message.attributes == {
        "study": "s1",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": subscription.rsplit("/", 1)[-1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": "contract",
    }


@pytest.mark.rule("pubsub.dead_letter.topic_gone", DEAD_LETTER)
def test_without_its_dead_letter_topic_a_message_stays(pubsub: Clients) -> None:
    topic, letters = pubsub.topic(), pubsub.topic()
    subscription = pubsub.subscription(topic, dead_letter_policy={"dead_letter_topic": letters})
    pubsub.publisher.delete_topic(topic=letters)
    pubsub.publish(topic, b"kept")
    for _ in range(6):
        received = pubsub.pull(subscription)
        pubsub.nack(subscription, received)
    assert [each.delivery_attempt for each in pubsub.pull(subscription)] == [7]
