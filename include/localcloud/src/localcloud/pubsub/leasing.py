"""Leasing: hands the deliverable messages of one subscription to one caller for a while.

Source: https://cloud.google.com/pubsub/docs/lease-management and
https://cloud.google.com/pubsub/docs/ordering
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.pubsub import messages, settling, subscriptions
from localcloud.pubsub.ack_ids import format_ack_id
from localcloud.pubsub.errors import failed_precondition
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.limits import (
    MAX_MESSAGES_PER_RESPONSE,
    MAX_RESPONSE_BYTES,
    PUSH_MARGIN_SECONDS,
)
from localcloud.pubsub.raw_messages import ReceivedMessage, Subscription
from localcloud.pubsub.settling import Effects
from localcloud.pubsub.signals import Held

_UNORDERED = """
SELECT * FROM pubsub_deliveries
WHERE subscription = :subscription AND leased = 0 AND available_at <= :now
AND published_at > :oldest
ORDER BY available_at, message_id LIMIT :limit
"""
# A key waits while one of its messages is leased or an earlier one rests. Of a key that is pushed
# only the first message is looked at, so that a long key does not hide the others.
_ORDERED = """
WITH held AS (
    SELECT ordering_key, 0 AS first FROM pubsub_deliveries
    WHERE subscription = :subscription AND leased = 1
    UNION ALL
    SELECT ordering_key, message_id FROM pubsub_deliveries
    WHERE subscription = :subscription AND leased = 0 AND available_at > :now
), blocked AS (
    SELECT ordering_key, min(first) AS first FROM held WHERE ordering_key != ''
    GROUP BY ordering_key
)
SELECT own.* FROM pubsub_deliveries AS own
LEFT JOIN blocked ON blocked.ordering_key = own.ordering_key
WHERE own.subscription = :subscription AND own.leased = 0 AND own.available_at <= :now
AND own.published_at > :oldest
AND (blocked.first IS NULL OR own.message_id < blocked.first)
AND (NOT :pushed OR own.ordering_key = '' OR NOT EXISTS (SELECT 1 FROM pubsub_deliveries
    WHERE subscription = :subscription AND ordering_key = own.ordering_key
    AND ordering_key != '' AND leased = 0 AND message_id < own.message_id))
ORDER BY own.message_id LIMIT :limit
"""


@dataclass(frozen=True)
class Room:
    """How much one lease may hand out; its last message may go beyond the bytes."""

    messages: int
    size_bytes: int = MAX_RESPONSE_BYTES
    pushed: bool = False
    """Whether an endpoint asks, not a client that pulls: its keys have one message at a time."""


@dataclass
class Batch:
    """Messages leased together; `held` is by ack id."""

    messages: list[ReceivedMessage]
    held: dict[str, Held]
    next_at: float | None
    """When the next resting or leased message may come free, if there is one."""
    effects: Effects
    subscription: Subscription


def lease(
    tx: Transaction,
    name: str,
    room: Room,
    now: float,
    deadline_seconds: int | None = None,
) -> Batch:
    """Hand out deliverable messages as far as there is room.

    Parameters
    ----------
    deadline_seconds
        Length of the lease; the subscription's own when absent.

    Raises
    ------
    GoogleError
        FAILED_PRECONDITION when the subscription is detached or delivers the other way.
    """
    subscription = subscriptions.get(tx, name)
    subscriptions.require_attached(subscription)
    if room.pushed != subscriptions.is_pushed(subscription):
        kind = "pull" if room.pushed else "push"
        raise failed_precondition(f"This method is not supported for {kind} subscriptions.")
    effects = Effects()
    settling.expire(tx, subscription, now, effects)
    rows = _deliverable(tx, subscription, room, now)
    margin_seconds = PUSH_MARGIN_SECONDS if room.pushed else 0
    end = now + (deadline_seconds or subscription.ack_deadline_seconds) + margin_seconds
    tx.executemany(
        "UPDATE pubsub_deliveries SET leased = 1, attempts = attempts + 1,"
        " lease_number = lease_number + 1, available_at = ? WHERE id = ?",
        [(end, row["id"]) for row in rows],
    )
    received = [_received(tx, subscription, row) for row in rows]
    held = {
        message.ack_id: Held(row["size_bytes"], end)
        for message, row in zip(received, rows, strict=True)
    }
    return Batch(
        received, held, None if received else _next_at(tx, name, now), effects, subscription
    )


def _deliverable(tx: Transaction, subscription: Subscription, room: Room, now: float) -> list[Any]:
    rows = tx.execute(
        _ORDERED if subscription.enable_message_ordering else _UNORDERED,
        {
            "subscription": subscription.name,
            "now": now,
            "oldest": now - subscriptions.retention_seconds(subscription),
            "pushed": room.pushed,
            "limit": min(room.messages, MAX_MESSAGES_PER_RESPONSE),
        },
    ).fetchall()
    chosen: list[Any] = []
    total_bytes = 0
    for row in rows:
        if total_bytes >= room.size_bytes:
            break
        if chosen and total_bytes + row["size_bytes"] > MAX_RESPONSE_BYTES:
            break
        chosen.append(row)
        total_bytes += row["size_bytes"]
    return chosen


def _received(tx: Transaction, subscription: Subscription, row: Any) -> ReceivedMessage:
    """`row` is as it was before the lease."""
    counted = subscription.HasField("dead_letter_policy")
    return ReceivedMessage(
        ack_id=format_ack_id(row["id"], row["lease_number"] + 1),
        message=messages.load(tx, row["message_id"]),
        delivery_attempt=row["attempts"] + 1 if counted else 0,
    )


def _next_at(tx: Transaction, name: str, now: float) -> float | None:
    """The earliest end of a lease or of a rest; one at or before `now` waits for its key."""
    times = [
        tx.execute(
            "SELECT min(available_at) FROM pubsub_deliveries"
            " WHERE subscription = ? AND leased = ? AND available_at > ?",
            (name, leased, now),
        ).fetchone()[0]
        for leased in (0, 1)
    ]
    return min((time for time in times if time is not None), default=None)
