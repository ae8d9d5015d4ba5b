"""What survives the end of the server, however it ends: one end serves every test."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.api_core import exceptions
from google.pubsub_v1.types import ReceivedMessage
from tests.contract.pubsub.clients import Clients, data_of, eventually
from tests.contract.pubsub.endpoint import Endpoint, Received, endpoint

PUBLISH = "https://cloud.google.com/pubsub/docs/publish-message-overview"
PUSH = "https://cloud.google.com/pubsub/docs/push"
REPLAY = "https://cloud.google.com/pubsub/docs/replay-overview"
EXACTLY_ONCE = "https://cloud.google.com/pubsub/docs/exactly-once-delivery"


@dataclass
class Leases:
    """One message acknowledged, one nacked and 98 leased of a subscription; all owed to another."""

    topic: str
    owed: str
    leased: str
    ids: list[str]
    open: list[ReceivedMessage]


@dataclass
class ExactlyOnce:
    """One lease held and one given back."""

    subscription: str
    held: ReceivedMessage
    stale: ReceivedMessage


@dataclass
class Snapshot:
    """An emptied subscription and a snapshot from before."""

    subscription: str
    name: str


@dataclass
class Pushing:
    """Messages that were being pushed, and those the endpoint had in hand when all ended."""

    server: Endpoint
    expected: set[bytes]
    under_way: set[bytes]


@dataclass
class Revived:
    """Clients of the server that was started again, and what they left in the first."""

    pubsub: Clients
    leases: Leases
    exactly_once: ExactlyOnce
    snapshot: Snapshot
    pushing: Pushing


@pytest.fixture(scope="module", params=[signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def revived(
    request: pytest.FixtureRequest,
    start_cloud: Any,
    connect: Callable[[str], Clients],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Revived]:
    data = tmp_path_factory.mktemp("revived")
    ended = threading.Event()

    def hang_until_the_end(_: Received) -> int:
        if ended.is_set():
            return 200
        ended.wait(30)
        return 500

    with endpoint(hang_until_the_end) as server:
        with start_cloud(data) as running:
            before = connect(running.pubsub)
            left = (
                _leave_leases(before),
                _leave_exactly_once(before),
                _leave_snapshot(before),
                _leave_pushes(before, server),
            )
            running.process.send_signal(request.param)
            running.process.wait(10)
        ended.set()
        with start_cloud(data) as running:
            yield Revived(connect(running.pubsub), *left)


def _leave_leases(pubsub: Clients) -> Leases:
    topic = pubsub.topic()
    owed = pubsub.subscription(topic, filter="attributes:wanted")
    policy = {"dead_letter_topic": pubsub.topic()}
    leased = pubsub.subscription(topic, dead_letter_policy=policy, ack_deadline_seconds=60)
    ids = pubsub.publish(topic, *(str(number).encode() for number in range(100)), wanted="")
    done, still_open = pubsub.drain(leased, 1), pubsub.drain(leased, 99)
    pubsub.acknowledge(leased, done)
    pubsub.nack(leased, still_open[:1])
    return Leases(topic, owed, leased, ids, still_open)


def _leave_exactly_once(pubsub: Clients) -> ExactlyOnce:
    topic = pubsub.topic()
    subscription = pubsub.subscription(
        topic, enable_exactly_once_delivery=True, ack_deadline_seconds=60
    )
    pubsub.publish(topic, b"held", b"stale")
    held, stale = pubsub.drain(subscription, 2)
    pubsub.nack(subscription, [stale])
    return ExactlyOnce(subscription, held, stale)


def _leave_snapshot(pubsub: Clients) -> Snapshot:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"owed")
    snapshot = pubsub.snapshot(subscription)
    pubsub.publish(topic, b"later")
    pubsub.acknowledge(subscription, pubsub.drain(subscription, 2))
    return Snapshot(subscription, snapshot)


def _leave_pushes(pubsub: Clients, server: Endpoint) -> Pushing:
    topic = pubsub.topic()
    config = {"push_endpoint": server.url}
    pubsub.subscription(topic, push_config=config, ack_deadline_seconds=600)
    expected = {str(number).encode() for number in range(50)}
    pubsub.publish(topic, *expected)
    assert eventually(lambda: len(server.requests) == 4)
    return Pushing(server, expected, set(server.data()))


@pytest.mark.rule("pubsub.durability", PUBLISH)
def test_messages_and_leases_survive_the_server(revived: Revived) -> None:
    pubsub, left = revived.pubsub, revived.leases
    owed = pubsub.drain(left.owed, 100)
    assert [each.message.message_id for each in owed] == left.ids
    [again] = pubsub.pull_now(left.leased)
    assert again.message.message_id == left.open[0].message.message_id
    assert again.delivery_attempt == 2
    pubsub.acknowledge(left.leased, [again, *left.open[1:]])
    [new_id] = pubsub.publish(left.topic, b"new")
    assert new_id not in left.ids
    assert data_of(pubsub.pull_now(left.leased)) == [b"new"]


@pytest.mark.rule("pubsub.exactly_once.durability", EXACTLY_ONCE)
def test_an_exactly_once_lease_is_not_given_twice(revived: Revived) -> None:
    pubsub, left = revived.pubsub, revived.exactly_once
    assert data_of(pubsub.pull_now(left.subscription)) == [left.stale.message.data]
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.acknowledge(left.subscription, [left.stale])
    pubsub.acknowledge(left.subscription, [left.held])


@pytest.mark.rule("pubsub.snapshots.durability", REPLAY)
def test_a_snapshot_survives_with_what_it_keeps(revived: Revived) -> None:
    pubsub, left = revived.pubsub, revived.snapshot
    assert pubsub.is_empty(left.subscription)
    pubsub.seek(left.subscription, snapshot=left.name)
    assert sorted(data_of(pubsub.drain(left.subscription, 2))) == [b"later", b"owed"]


@pytest.mark.rule("pubsub.push.durability", PUSH)
def test_pushes_go_on_without_loss(revived: Revived) -> None:
    left = revived.pushing
    assert eventually(lambda: set(left.server.data()[4:]) == left.expected, within_seconds=15)
    assert left.under_way < left.expected
