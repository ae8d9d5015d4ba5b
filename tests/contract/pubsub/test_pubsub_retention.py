"""Retention by the clock: a stopped server's data is made older before it starts again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from tests.contract.pubsub.clients import Clients

RETENTION = (
    "https://cloud.google.com/pubsub/docs/subscription-properties#message_retention_duration"
)
REPLAY = "https://cloud.google.com/pubsub/docs/replay-overview"
TIMES = {
    "pubsub_messages": ("published_at", "kept_until"),
    "pubsub_deliveries": ("published_at", "available_at"),
    "pubsub_snapshots": ("expire_at",),
}
TEN_MINUTES, ONE_HOUR = timedelta(minutes=10), timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def grow_older(data: Path, age: timedelta) -> None:
    """Let time pass for a server that is not running."""
    with closing(sqlite3.connect(data / "pubsub.sqlite")) as database, database:
        for table, columns in TIMES.items():
            for column in columns:
                database.execute(
                    f"UPDATE {table} SET {column} = {column} - ? WHERE {column} > 0",  # noqa: S608
                    (age.total_seconds(),),
                )


@dataclass
class Left:
    """What each stage of age left of one message."""

    after_20_minutes: dict[str, bool]
    after_nearly_7_days: dict[str, bool]
    after_7_days: dict[str, bool]
    snapshot_lifetime: timedelta


@pytest.fixture(scope="module")
def left(
    start_cloud: Any,
    connect: Callable[[str], Clients],
    tmp_path_factory: pytest.TempPathFactory,
) -> Left:
    data = tmp_path_factory.mktemp("aging")
    with start_cloud(data) as running:
        pubsub = connect(running.pubsub)
        topic, keeping = pubsub.topic(), pubsub.topic(message_retention_duration=ONE_HOUR)
        brief = {"message_retention_duration": TEN_MINUTES}
        subscriptions = {
            "brief": pubsub.subscription(topic, **brief),
            "usual": pubsub.subscription(topic),
            "kept by its topic": pubsub.subscription(keeping, **brief),
            "acknowledged": pubsub.subscription(topic, **brief, retain_acked_messages=True),
        }
        for each in (topic, keeping):
            pubsub.publish(each, b"aging")
        acknowledged = subscriptions["acknowledged"]
        pubsub.acknowledge(acknowledged, pubsub.drain(acknowledged, 1))
        snapshot = pubsub.snapshot(subscriptions["usual"])

    def look() -> dict[str, bool]:
        pubsub.seek(acknowledged, time=LONG_AGO)
        held = {name: pubsub.pull_now(each) for name, each in subscriptions.items()}
        for name, received in held.items():
            if received:
                pubsub.nack(subscriptions[name], received)
        return {
            **{name: bool(received) for name, received in held.items()},
            "snapshot": _is_there(pubsub, snapshot),
        }

    grow_older(data, timedelta(minutes=20))
    with start_cloud(data) as running:
        pubsub = connect(running.pubsub)
        after_20_minutes = look()
        request = {"subscription": subscriptions["usual"]}
        second = pubsub.subscriber.create_snapshot(request=request)
        lifetime = second.expire_time - datetime.now(UTC)
    grow_older(data, timedelta(days=6, hours=23))
    with start_cloud(data) as running:
        pubsub = connect(running.pubsub)
        after_nearly_7_days = look()
        with pytest.raises(exceptions.FailedPrecondition, match="too old"):
            pubsub.snapshot(subscriptions["usual"])
    grow_older(data, timedelta(minutes=41))
    with start_cloud(data) as running:
        pubsub = connect(running.pubsub)
        return Left(after_20_minutes, after_nearly_7_days, look(), lifetime)


def _is_there(pubsub: Clients, snapshot: str) -> bool:
    try:
        pubsub.subscriber.get_snapshot(snapshot=snapshot)
    except exceptions.NotFound:
        return False
    return True


@pytest.mark.rule("pubsub.retention", RETENTION)
def test_messages_go_when_their_retention_has_passed(left: Left) -> None:
    gone_first = {"brief": False, "acknowledged": False}
    assert left.after_20_minutes == {
        **gone_first,
        "usual": True,
        "kept by its topic": True,
        "snapshot": True,
    }
    assert left.after_nearly_7_days == {
        **gone_first,
        "usual": True,
        "kept by its topic": False,
        "snapshot": True,
    }
    assert not any(left.after_7_days.values())


@pytest.mark.rule("pubsub.snapshots.lifetime", REPLAY)
def test_a_snapshot_lives_seven_days_less_the_age_of_its_backlog(left: Left) -> None:
    expected = timedelta(days=7) - timedelta(minutes=20)
    assert abs(left.snapshot_lifetime - expected) < timedelta(minutes=5)
