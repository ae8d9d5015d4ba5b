"""Seek: sets which messages of a subscription count as acknowledged, in bulk.

Source: https://cloud.google.com/pubsub/docs/replay-overview and, for filters,
https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.pubsub import snapshots, subscriptions
from localcloud.pubsub.ack_ids import format_ack_id
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.filters import compile_filter
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.raw_messages import PubsubMessage, SeekRequest, Subscription
from localcloud.pubsub.settling import Effects

# The messages that are to be unacknowledged afterwards, collected once for several statements.
_WANTED = "CREATE TEMP TABLE IF NOT EXISTS pubsub_wanted (message_id INTEGER PRIMARY KEY)"
_SINCE = """
INSERT INTO pubsub_wanted
SELECT message_id FROM pubsub_deliveries
WHERE subscription = :subscription AND published_at >= :since
UNION
SELECT id FROM pubsub_messages
WHERE topic = :topic AND published_at >= max(:since, :topic_since)
"""
_IN_SNAPSHOT = """
INSERT INTO pubsub_wanted
SELECT message_id FROM pubsub_snapshot_messages WHERE snapshot = :snapshot
UNION
SELECT id FROM pubsub_messages WHERE topic = :topic AND id >
    (SELECT last_message_id FROM pubsub_snapshots WHERE name = :snapshot)
"""
_LEASES_LOST = """
SELECT id, lease_number FROM pubsub_deliveries WHERE subscription = :subscription AND leased = 1
AND message_id NOT IN (SELECT message_id FROM pubsub_wanted)
"""
_UNACKNOWLEDGE = """
UPDATE pubsub_deliveries SET leased = 0, attempts = 0, available_at = :now
WHERE subscription = :subscription AND leased = 2
AND message_id IN (SELECT message_id FROM pubsub_wanted)
"""
_RESTORE = """
INSERT INTO pubsub_deliveries
    (subscription, message_id, ordering_key, size_bytes, published_at, available_at)
SELECT :subscription, id, ordering_key, size_bytes, published_at, :now
FROM pubsub_messages WHERE id IN (SELECT message_id FROM pubsub_wanted)
AND NOT EXISTS (SELECT 1 FROM pubsub_deliveries
    WHERE message_id = pubsub_messages.id AND subscription = :subscription)
AND pubsub_passes(body)
"""
_RETAIN = """
UPDATE pubsub_deliveries SET leased = 2 WHERE subscription = :subscription
AND message_id NOT IN (SELECT message_id FROM pubsub_wanted)
"""
_FORGET = """
DELETE FROM pubsub_deliveries WHERE subscription = :subscription
AND message_id NOT IN (SELECT message_id FROM pubsub_wanted)
"""


def seek(tx: Transaction, request: SeekRequest, now: float) -> Effects:
    """Move a subscription to a time or to a snapshot.

    What is outstanding and stays unacknowledged keeps its lease.
    """
    subscription = subscriptions.get(tx, request.subscription)
    subscriptions.require_attached(subscription)
    target = request.WhichOneof("target")
    if target == "time":
        kept_seconds = subscription.topic_message_retention_duration.ToTimedelta().total_seconds()
        times = {
            "since": request.time.ToMicroseconds() / 1e6,
            "topic_since": now - kept_seconds,
        }
        return _set_unacknowledged(tx, subscription, _SINCE, times, now)
    if target == "snapshot":
        snapshot = snapshots.get(tx, request.snapshot, now)
        if snapshot.topic != subscription.topic:
            raise invalid(
                "The snapshot and the subscription are of different topics "
                f"(snapshot={snapshot.topic}, subscription={subscription.topic})."
            )
        return _set_unacknowledged(tx, subscription, _IN_SNAPSHOT, {"snapshot": snapshot.name}, now)
    raise invalid("A seek request needs a time or a snapshot.")


def _set_unacknowledged(
    tx: Transaction, subscription: Subscription, wanted: str, values: Mapping[str, Any], now: float
) -> Effects:
    arguments = {
        **values,
        "subscription": subscription.name,
        "topic": subscription.topic,
        "now": now,
    }
    # The filter is that of the subscription which seeks, whatever a snapshot was taken from.
    passes = compile_filter(subscription.filter)
    tx.create_function(
        "pubsub_passes", 1, lambda body: passes(PubsubMessage.FromString(body).attributes)
    )
    tx.execute(_WANTED)
    tx.execute("DELETE FROM pubsub_wanted")
    tx.execute(wanted, arguments)
    lost = tx.execute(_LEASES_LOST, arguments).fetchall()
    tx.execute(_UNACKNOWLEDGE, arguments)
    tx.execute(_RESTORE, arguments)
    tx.execute(_RETAIN if subscription.retain_acked_messages else _FORGET, arguments)
    tx.execute("DELETE FROM pubsub_wanted")
    return Effects(
        {subscription.name}, {format_ack_id(row["id"], row["lease_number"]) for row in lost}
    )
