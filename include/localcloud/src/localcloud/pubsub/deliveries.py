"""The queue of one subscription: lease, acknowledge, extend, give back.

An ack id names one lease of one delivery (`<delivery>-<lease number>`), so one from an earlier
lease is recognised as stale, also after a restart. A lease whose time is up is given back the
way a refusal is: both count as a failed delivery.
Source: https://cloud.google.com/pubsub/docs/subscription-properties and
https://cloud.google.com/pubsub/docs/ordering
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from google.pubsub_v1.types import pubsub

from localcloud.pubsub import backoff, dead_letter, subscriptions
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.limits import MAX_MESSAGES_PER_RESPONSE, MAX_RESPONSE_BYTES
from localcloud.pubsub.messages import Message
from localcloud.pubsub.subscriptions import Subscription

ReceivedMessage = pubsub.ReceivedMessage.pb()

_UNORDERED = """
SELECT * FROM pubsub_deliveries
WHERE subscription = :subscription AND leased = 0 AND available_at <= :now
ORDER BY available_at, message_id LIMIT :limit
"""
# A key waits while one of its messages is leased or an earlier one rests.
_ORDERED = """
SELECT * FROM pubsub_deliveries AS own
WHERE subscription = :subscription AND leased = 0 AND available_at <= :now
AND (ordering_key = '' OR (
    NOT EXISTS (SELECT 1 FROM pubsub_deliveries
        WHERE subscription = :subscription AND ordering_key = own.ordering_key
        AND ordering_key != '' AND leased = 1)
    AND NOT EXISTS (SELECT 1 FROM pubsub_deliveries
        WHERE subscription = :subscription AND ordering_key = own.ordering_key
        AND ordering_key != '' AND leased = 0 AND message_id < own.message_id
        AND available_at > :now)))
ORDER BY message_id LIMIT :limit
"""

EXPIRED = (
    "SELECT DISTINCT subscription FROM pubsub_deliveries WHERE leased = 1 AND available_at <= ?"
)
_ACK_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@dataclass(frozen=True)
class Room:
    """How much one lease may hand out; its last message may go beyond the bytes."""

    messages: int
    size_bytes: int = MAX_RESPONSE_BYTES


@dataclass
class Effects:
    """What a unit of work means for those who wait."""

    subscriptions: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    """Ack ids that are no longer leased."""


@dataclass
class Batch:
    """Messages leased together, each with its size in bytes by ack id."""

    messages: list[ReceivedMessage]
    sizes: dict[str, int]
    next_at: float | None
    """When the next resting or leased message may come free, if there is one."""
    effects: Effects


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
    """
    subscription = subscriptions.get(tx, name)
    effects = Effects()
    _expire(tx, subscription, now, effects)
    rows = _deliverable(tx, subscription, room, now)
    end = now + (deadline_seconds or subscription.ack_deadline_seconds)
    tx.executemany(
        "UPDATE pubsub_deliveries SET leased = 1, attempts = attempts + 1,"
        " lease_number = lease_number + 1, available_at = ? WHERE id = ?",
        [(end, row["id"]) for row in rows],
    )
    messages = [_received(tx, subscription, row) for row in rows]
    sizes = {message.ack_id: row["size_bytes"] for message, row in zip(messages, rows, strict=True)}
    return Batch(messages, sizes, None if messages else _next_at(tx, name, now), effects)


def acknowledge(tx: Transaction, name: str, ack_ids: Iterable[str]) -> Effects:
    """Forget the messages of these leases; stale ack ids are ignored, as on Google."""
    subscriptions.get(tx, name)
    effects = Effects({name})
    for delivery_id, lease_number in map(_parse_ack_id, ack_ids):
        if tx.execute(
            "DELETE FROM pubsub_deliveries"
            " WHERE id = ? AND lease_number = ? AND subscription = ? AND leased = 1",
            (delivery_id, lease_number, name),
        ).rowcount:
            effects.settled.add(_ack_id(delivery_id, lease_number))
    return effects


def modify_deadline(
    tx: Transaction, name: str, changes: Iterable[tuple[str, int]], now: float
) -> Effects:
    """Move the end of each lease to that many seconds from now; 0 gives the message back."""
    subscription = subscriptions.get(tx, name)
    effects = Effects()
    for ack_id, seconds in changes:
        subscriptions.check_ack_deadline(seconds, lowest=0)
        row = _leased(tx, name, ack_id)
        if row is None:
            continue
        if seconds:
            tx.execute(
                "UPDATE pubsub_deliveries SET available_at = ? WHERE id = ?",
                (now + seconds, row["id"]),
            )
        else:
            _give_back(tx, subscription, row, now, effects)
    return effects


def release(tx: Transaction, name: str, ack_ids: Iterable[str], now: float) -> Effects:
    """Take back messages that no client ever received; they do not count as delivered."""
    effects = Effects({name})
    for ack_id in ack_ids:
        row = _leased(tx, name, ack_id)
        if row is not None:
            _return_uncounted(tx, row, now, effects)
    return effects


def expire_all(tx: Transaction, now: float) -> Effects:
    """Give back every lease whose time is up, also where nobody pulls."""
    effects = Effects()
    for row in tx.execute(EXPIRED, (now,)).fetchall():
        _expire(tx, subscriptions.get(tx, row["subscription"]), now, effects)
    return effects


def drop_overdue(tx: Transaction, now: float) -> None:
    """Drop what is older than its subscription's retention."""
    for row in tx.execute("SELECT name FROM pubsub_subscriptions").fetchall():
        subscription = subscriptions.get(tx, row["name"])
        tx.execute(
            "DELETE FROM pubsub_deliveries WHERE subscription = ? AND message_id IN"
            " (SELECT id FROM pubsub_messages WHERE published_at < ?)",
            (row["name"], now - subscriptions.retention_seconds(subscription)),
        )


def _deliverable(tx: Transaction, subscription: Subscription, room: Room, now: float) -> list[Any]:
    rows = tx.execute(
        _ORDERED if subscription.enable_message_ordering else _UNORDERED,
        {
            "subscription": subscription.name,
            "now": now,
            "limit": min(room.messages, MAX_MESSAGES_PER_RESPONSE),
        },
    ).fetchall()
    chosen, total_bytes = [], 0
    for row in rows:
        if total_bytes >= room.size_bytes:
            break
        chosen.append(row)
        total_bytes += row["size_bytes"]
    return chosen


def _received(tx: Transaction, subscription: Subscription, row: Any) -> ReceivedMessage:
    """`row` is as it was before the lease."""
    counted = subscription.HasField("dead_letter_policy")
    return ReceivedMessage(
        ack_id=_ack_id(row["id"], row["lease_number"] + 1),
        message=_message(tx, row["message_id"]),
        delivery_attempt=row["attempts"] + 1 if counted else 0,
    )


def _message(tx: Transaction, message_id: int) -> Message:
    rows = tx.execute("SELECT body FROM pubsub_messages WHERE id = ?", (message_id,)).fetchall()
    message = Message.FromString(rows[0]["body"])
    message.message_id = str(message_id)
    return message


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


def _expire(tx: Transaction, subscription: Subscription, now: float, effects: Effects) -> None:
    expired = tx.execute(
        "SELECT id, lease_number FROM pubsub_deliveries"
        " WHERE subscription = ? AND leased = 1 AND available_at <= ? ORDER BY message_id",
        (subscription.name, now),
    ).fetchall()
    for delivery_id, lease_number in expired:
        # Giving back the first of an ordering key gives back those behind it.
        row = _leased(tx, subscription.name, _ack_id(delivery_id, lease_number))
        if row is not None:
            _give_back(tx, subscription, row, now, effects)


def _give_back(
    tx: Transaction, subscription: Subscription, row: Any, now: float, effects: Effects
) -> None:
    """End a lease without success: forward to the dead-letter topic, or rest and try again."""
    effects.subscriptions.add(subscription.name)
    effects.settled.add(_ack_id(row["id"], row["lease_number"]))
    reached = None
    if dead_letter.is_exhausted(subscription, row["attempts"]):
        message = _message(tx, row["message_id"])
        reached = dead_letter.forward(tx, subscription, message, row["attempts"], now)
    if reached is not None:
        tx.execute("DELETE FROM pubsub_deliveries WHERE id = ?", (row["id"],))
        effects.subscriptions.update(reached)
    else:
        rest = backoff.backoff_seconds(subscription, row["attempts"])
        tx.execute(
            "UPDATE pubsub_deliveries SET leased = 0, available_at = ? WHERE id = ?",
            (now + rest, row["id"]),
        )
    if subscription.enable_message_ordering and row["ordering_key"]:
        _give_back_followers(tx, row, now, effects)


def _give_back_followers(tx: Transaction, row: Any, now: float, effects: Effects) -> None:
    """Redelivering a message redelivers those behind it in its key; they did not fail."""
    followers = tx.execute(
        "SELECT * FROM pubsub_deliveries WHERE subscription = ? AND ordering_key = ?"
        " AND ordering_key != '' AND leased = 1 AND message_id > ?",
        (row["subscription"], row["ordering_key"], row["message_id"]),
    ).fetchall()
    for follower in followers:
        _return_uncounted(tx, follower, now, effects)


def _return_uncounted(tx: Transaction, row: Any, now: float, effects: Effects) -> None:
    tx.execute(
        "UPDATE pubsub_deliveries SET leased = 0, attempts = attempts - 1, available_at = ?"
        " WHERE id = ?",
        (now, row["id"]),
    )
    effects.settled.add(_ack_id(row["id"], row["lease_number"]))


def _leased(tx: Transaction, name: str, ack_id: str) -> Any | None:
    delivery_id, lease_number = _parse_ack_id(ack_id)
    rows = tx.execute(
        "SELECT * FROM pubsub_deliveries"
        " WHERE id = ? AND lease_number = ? AND subscription = ? AND leased = 1",
        (delivery_id, lease_number, name),
    ).fetchall()
    return rows[0] if rows else None


def _ack_id(delivery_id: int, lease_number: int) -> str:
    return f"{delivery_id}-{lease_number}"


def _parse_ack_id(ack_id: str) -> tuple[int, int]:
    match = _ACK_ID.fullmatch(ack_id)
    if match is None:
        raise invalid(f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")
    return int(match[1]), int(match[2])
