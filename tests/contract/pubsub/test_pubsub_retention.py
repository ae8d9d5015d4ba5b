"""Retention by the clock: a stopped server's data is made older before it starts again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from tests.contract.pubsub.clients import Clients, data_of

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


@pytest.mark.rule("pubsub.retention", RETENTION)
def test_messages_go_when_their_retention_has_passed(
    start_cloud: Any, connect: Callable[[str], Clients], tmp_path: Path
) -> None:
    with start_cloud(tmp_path) as running:
        pubsub = connect(running.pubsub)
        topic, keeping = pubsub.topic(), pubsub.topic(message_retention_duration=ONE_HOUR)
        brief = pubsub.subscription(topic, message_retention_duration=TEN_MINUTES)
        usual = pubsub.subscription(topic)
        kept = pubsub.subscription(keeping, message_retention_duration=TEN_MINUTES)
        retained = pubsub.subscription(
            topic, message_retention_duration=TEN_MINUTES, retain_acked_messages=True
        )
        for each in (topic, keeping):
            pubsub.publish(each, b"aging")
        pubsub.acknowledge(retained, pubsub.drain(retained, 1))
        snapshot = pubsub.snapshot(usual)
    grow_older(tmp_path, timedelta(minutes=20))
    with start_cloud(tmp_path) as running:
        pubsub = connect(running.pubsub)
        assert pubsub.is_empty(brief)
        pubsub.seek(retained, time=LONG_AGO)
        assert pubsub.is_empty(retained)
        assert data_of(pubsub.pull_now(usual)) == [b"aging"]
        assert data_of(pubsub.pull_now(kept)) == [b"aging"]
        pubsub.subscriber.get_snapshot(snapshot=snapshot)
    grow_older(tmp_path, timedelta(days=6, hours=23, minutes=20))
    with start_cloud(tmp_path) as running:
        pubsub = connect(running.pubsub)
        assert pubsub.is_empty(kept)
        with pytest.raises(exceptions.FailedPrecondition, match="too old"):
            pubsub.snapshot(usual)
        assert data_of(pubsub.pull_now(usual)) == [b"aging"]
    grow_older(tmp_path, timedelta(minutes=40))
    with start_cloud(tmp_path) as running:
        pubsub = connect(running.pubsub)
        assert pubsub.is_empty(usual)
        with pytest.raises(exceptions.NotFound):
            pubsub.subscriber.get_snapshot(snapshot=snapshot)


@pytest.mark.rule("pubsub.snapshots.lifetime", REPLAY)
def test_a_snapshot_lives_seven_days_less_the_age_of_its_backlog(
    start_cloud: Any, connect: Callable[[str], Clients], tmp_path: Path
) -> None:
    with start_cloud(tmp_path) as running:
        pubsub = connect(running.pubsub)
        topic = pubsub.topic()
        subscription = pubsub.subscription(topic)
        pubsub.publish(topic, b"old")
    grow_older(tmp_path, timedelta(days=3))
    with start_cloud(tmp_path) as running:
        pubsub = connect(running.pubsub)
        request = {"name": pubsub.name("snapshots"), "subscription": subscription}
        created = pubsub.subscriber.create_snapshot(request=request)
        lifetime = created.expire_time - datetime.now(UTC)
        assert abs(lifetime - timedelta(days=4)) < timedelta(minutes=5)
