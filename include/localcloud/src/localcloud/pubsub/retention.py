"""Retention: how long messages are kept, for subscriptions, for topics and for snapshots.

Source: https://cloud.google.com/pubsub/docs/replay-overview
"""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.pubsub import topics
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.raw_messages import Topic


def kept_until(tx: Transaction, topic: str, now: float) -> float:
    """Until when a message published now is kept beyond its deliveries, or 0.

    Raises
    ------
    GoogleError
        NOT_FOUND for an absent topic.
    """
    seconds = topics.retention_seconds(topics.get(tx, topic))
    [row] = tx.execute(
        "SELECT coalesce(max(expire_at), 0) FROM pubsub_snapshots WHERE topic = ?", (topic,)
    ).fetchall()
    return max(now + seconds if seconds else 0.0, float(row[0]))


def renew(tx: Transaction, topic: str, seconds: float) -> None:
    """Follow a change of a topic's retention (0 for none) or of its snapshots."""
    tx.execute(
        "UPDATE pubsub_messages SET kept_until = max("
        " CASE WHEN :seconds > 0 THEN published_at + :seconds ELSE 0 END,"
        " coalesce((SELECT max(expire_at) FROM pubsub_snapshots"
        "  WHERE topic = :topic AND last_message_id < pubsub_messages.id), 0))"
        " WHERE topic = :topic",
        {"topic": topic, "seconds": seconds},
    )
    _drop_orphans(tx, topic)


def update_topic(tx: Transaction, changes: Topic, paths: Sequence[str]) -> Topic:
    """Update a topic; a change of its retention holds for what it has already kept, too."""
    topic = topics.update(tx, changes, paths)
    if any(path.startswith("message_retention_duration") for path in paths):
        renew(tx, topic.name, topics.retention_seconds(topic))
    return topic


def delete_topic(tx: Transaction, topic: str) -> None:
    """Delete a topic; subscriptions and snapshots keep the messages that they need."""
    tx.execute(
        "INSERT OR IGNORE INTO pubsub_snapshot_messages (snapshot, message_id)"
        " SELECT s.name, m.id FROM pubsub_snapshots AS s JOIN pubsub_messages AS m"
        " ON m.topic = s.topic AND m.id > s.last_message_id WHERE s.topic = ?",
        (topic,),
    )
    tx.execute("UPDATE pubsub_messages SET kept_until = 0 WHERE topic = ?", (topic,))
    _drop_orphans(tx, topic)
    # A later topic of the same name must not replay them.
    tx.execute("UPDATE pubsub_messages SET topic = '' WHERE topic = ?", (topic,))
    topics.delete(tx, topic)


def drop_kept(tx: Transaction, now: float) -> None:
    """Drop what no topic and no snapshot keeps any longer and no subscription is owed."""
    overdue = tx.execute(
        "SELECT DISTINCT topic FROM pubsub_messages WHERE kept_until > 0 AND kept_until <= ?",
        (now,),
    ).fetchall()
    tx.execute(
        "UPDATE pubsub_messages SET kept_until = 0 WHERE kept_until > 0 AND kept_until <= ?",
        (now,),
    )
    for row in overdue:
        _drop_orphans(tx, row["topic"])


def _drop_orphans(tx: Transaction, topic: str) -> None:
    tx.execute(
        "DELETE FROM pubsub_messages WHERE topic = ? AND kept_until = 0"
        " AND NOT EXISTS (SELECT 1 FROM pubsub_deliveries WHERE message_id = pubsub_messages.id)"
        " AND NOT EXISTS"
        " (SELECT 1 FROM pubsub_snapshot_messages WHERE message_id = pubsub_messages.id)",
        (topic,),
    )
