"""What survives the end of the server, however it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.pubsub.clients import Clients, data_of, eventually
from tests.contract.pubsub.endpoint import Received, endpoint

PUSH = "https://cloud.google.com/pubsub/docs/push"
REPLAY = "https://cloud.google.com/pubsub/docs/replay-overview"
PUBLISH = "https://cloud.google.com/pubsub/docs/publish-message-overview"


@pytest.mark.rule("pubsub.durability", PUBLISH)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_messages_and_leases_survive_the_server(
    start_cloud: Any, connect: Callable[[str], Clients], tmp_path: Path, end: signal.Signals
) -> None:
    with start_cloud(tmp_path) as running:
        before = connect(running.pubsub)
        topic = before.topic()
        owed = before.subscription(topic, filter="attributes:wanted")
        letters = before.topic()
        leased = before.subscription(topic, dead_letter_policy={"dead_letter_topic": letters})
        ids = before.publish(topic, *(str(number).encode() for number in range(100)), wanted="")
        done, open_ = before.pull(leased, 1), before.pull(leased, 99)
        before.acknowledge(leased, done)
        before.nack(leased, open_[:1])
        running.process.send_signal(end)
        running.process.wait(10)
    with start_cloud(tmp_path) as running:
        after = connect(running.pubsub)
        assert [each.message.message_id for each in after.drain(owed, 100)] == ids
        [again] = after.pull_now(leased)
        assert again.message.message_id == open_[0].message.message_id
        assert again.delivery_attempt == 2
        after.acknowledge(leased, [again, *open_[1:]])
        [new_id] = after.publish(topic, b"new")
        assert new_id not in ids
        assert data_of(after.pull_now(leased)) == [b"new"]


@pytest.mark.rule("pubsub.push.durability", PUSH)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_pushes_go_on_after_the_server_ended_without_loss(
    start_cloud: Any, connect: Callable[[str], Clients], tmp_path: Path, end: signal.Signals
) -> None:
    stuck = threading.Event()

    def hang(_: Received) -> int:
        stuck.wait(20)
        return 500

    count = 50
    with endpoint(hang) as server:
        with start_cloud(tmp_path) as running:
            before = connect(running.pubsub)
            topic = before.topic()
            before.subscription(
                topic, push_config={"push_endpoint": server.url}, ack_deadline_seconds=600
            )
            expected = {str(number).encode() for number in range(count)}
            before.publish(topic, *expected)
            assert eventually(lambda: len(server.requests) == 4)
            running.process.send_signal(end)
            running.process.wait(10)
        under_way = set(server.data())
        server.requests.clear()
        server.answer = lambda _: 200
        stuck.set()
        with start_cloud(tmp_path):
            assert eventually(lambda: set(server.data()) == expected, within_seconds=15)
        assert under_way < expected


@pytest.mark.rule("pubsub.snapshots.durability", REPLAY)
def test_a_snapshot_survives_a_killed_server_with_what_it_keeps(
    start_cloud: Any, connect: Callable[[str], Clients], tmp_path: Path
) -> None:
    with start_cloud(tmp_path) as running:
        before = connect(running.pubsub)
        topic = before.topic()
        subscription = before.subscription(topic)
        before.publish(topic, b"owed")
        snapshot = before.snapshot(subscription)
        before.publish(topic, b"later")
        before.acknowledge(subscription, before.drain(subscription, 2))
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(10)
    with start_cloud(tmp_path) as running:
        after = connect(running.pubsub)
        assert after.is_empty(subscription)
        after.seek(subscription, snapshot=snapshot)
        assert sorted(data_of(after.drain(subscription, 2))) == [b"later", b"owed"]
