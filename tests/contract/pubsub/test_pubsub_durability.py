"""What survives the end of the server, however it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.pubsub.clients import Clients, data_of

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
