"""Snapshots: which messages of a subscription were unacknowledged at one moment.

A snapshot keeps those and all that are published to the topic afterwards.
Source: https://cloud.google.com/pubsub/docs/replay-overview and
https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#snapshot
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localcloud.pubsub import limits, retention, subscriptions, topics
from localcloud.pubsub.errors import already_exists, failed_precondition, invalid, not_found
from localcloud.pubsub.labels import check_labels
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.names import DELETED_TOPIC, check_name, check_project, random_name
from localcloud.pubsub.paging import page
from localcloud.pubsub.raw_messages import CreateSnapshotRequest, Snapshot
from localcloud.pubsub.updates import merge

_UPDATABLE = frozenset({"labels", "expire_time"})
_COLUMNS = "SELECT name, topic, body, expire_at FROM pubsub_snapshots"


def create(tx: Transaction, request: CreateSnapshotRequest, now: float) -> Snapshot:
    """Remember what a subscription is owed now.

    Raises
    ------
    GoogleError
        FAILED_PRECONDITION when the backlog is so old that the snapshot would expire at once.
    """
    name = request.name or random_name("snapshots", request.subscription)
    check_name("snapshots", name)
    check_labels(request.labels)
    subscription = subscriptions.get(tx, request.subscription)
    subscriptions.require_attached(subscription)
    if _find(tx, name, now) is not None:
        raise already_exists(name)
    [oldest] = tx.execute(
        "SELECT coalesce(min(published_at), ?) FROM pubsub_deliveries"
        " WHERE subscription = ? AND leased < 2",
        (now, subscription.name),
    ).fetchone()
    if limits.MAX_SNAPSHOT_SECONDS - (now - oldest) < limits.MIN_SNAPSHOT_SECONDS:
        raise failed_precondition(
            "The backlog of the subscription is too old: the snapshot would expire in less than "
            f"an hour (resource={subscription.name})."
        )
    snapshot = Snapshot(name=name, topic=subscription.topic, labels=request.labels)
    snapshot.expire_time.FromMicroseconds(int((oldest + limits.MAX_SNAPSHOT_SECONDS) * 1e6))
    tx.execute(
        "INSERT INTO pubsub_snapshots (name, topic, body, last_message_id, expire_at)"
        " VALUES (?, ?, ?, coalesce("
        "(SELECT seq FROM sqlite_sequence WHERE name = 'pubsub_messages'), 0), ?)",
        (name, snapshot.topic, snapshot.SerializeToString(), _seconds(snapshot)),
    )
    tx.execute(
        "INSERT INTO pubsub_snapshot_messages (snapshot, message_id)"
        " SELECT ?, message_id FROM pubsub_deliveries WHERE subscription = ? AND leased < 2",
        (name, subscription.name),
    )
    return snapshot


def get(tx: Transaction, name: str, now: float) -> Snapshot:
    """Return a snapshot or raise NOT_FOUND; one whose time is up is gone."""
    check_name("snapshots", name)
    snapshot = _find(tx, name, now)
    if snapshot is None:
        raise not_found(name)
    return snapshot


def update(tx: Transaction, changes: Snapshot, paths: Sequence[str], now: float) -> Snapshot:
    """Replace the fields that `paths` name."""
    snapshot = get(tx, changes.name, now)
    merge(changes, snapshot, paths, _UPDATABLE)
    check_labels(snapshot.labels)
    if not now < _seconds(snapshot) <= now + limits.MAX_SNAPSHOT_SECONDS:
        raise invalid(
            "Invalid expire_time given: a snapshot expires within "
            f"{limits.MAX_SNAPSHOT_SECONDS} s from now."
        )
    tx.execute(
        "UPDATE pubsub_snapshots SET body = ?, expire_at = ? WHERE name = ?",
        (snapshot.SerializeToString(), _seconds(snapshot), snapshot.name),
    )
    _renew(tx, snapshot.topic)
    return snapshot


def list_page(tx: Transaction, project: str, size: int, token: str) -> tuple[list[Snapshot], str]:
    """Return snapshots of `projects/P` by name, and the next page's token."""
    check_project(project)
    rows, following = page(
        tx,
        _COLUMNS + " WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        (f"{project}/snapshots/",),
        size,
        token,
    )
    return [_parse(row) for row in rows], following


def delete(tx: Transaction, name: str, now: float) -> None:
    """Delete a snapshot; messages that only it kept go with it."""
    snapshot = get(tx, name, now)
    _delete(tx, snapshot)


def drop_expired(tx: Transaction, now: float) -> None:
    """Delete the snapshots whose time is up."""
    for row in tx.execute(_COLUMNS + " WHERE expire_at <= ?", (now,)).fetchall():
        _delete(tx, _parse(row))


def _delete(tx: Transaction, snapshot: Snapshot) -> None:
    for statement in (
        "DELETE FROM pubsub_snapshots WHERE name = ?",
        "DELETE FROM pubsub_snapshot_messages WHERE snapshot = ?",
        "DELETE FROM pubsub_policies WHERE resource = ?",
    ):
        tx.execute(statement, (snapshot.name,))
    _renew(tx, snapshot.topic)


def _renew(tx: Transaction, topic: str) -> None:
    if topic != DELETED_TOPIC:
        retention.renew(tx, topic, topics.retention_seconds(topics.get(tx, topic)))


def _find(tx: Transaction, name: str, now: float) -> Snapshot | None:
    rows = tx.execute(_COLUMNS + " WHERE name = ? AND expire_at > ?", (name, now)).fetchall()
    return _parse(rows[0]) if rows else None


def _parse(row: Any) -> Snapshot:
    """The topic of the row wins: it changes when the topic is deleted."""
    snapshot = Snapshot.FromString(row["body"])
    snapshot.topic = row["topic"]
    return snapshot


def _seconds(snapshot: Snapshot) -> float:
    return float(snapshot.expire_time.ToMicroseconds()) / 1e6
