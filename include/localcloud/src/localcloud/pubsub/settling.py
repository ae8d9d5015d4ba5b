"""Settling: how leases end - acknowledged, extended, refused, run out.

A lease whose time is up ends the way a refusal does: both count as a failed delivery.
Source: https://cloud.google.com/pubsub/docs/subscription-properties and
https://cloud.google.com/pubsub/docs/ordering
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.pubsub import backoff, dead_letter, messages, subscriptions
from localcloud.pubsub.ack_ids import format_ack_id, match_ack_id, parse_ack_id
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.raw_messages import Subscription
from localcloud.pubsub.signals import Held

EXPIRED = (
    "SELECT DISTINCT subscription FROM pubsub_deliveries WHERE leased = 1 AND available_at <= ?"
)


@dataclass
class Effects:
    """What a unit of work means for those who wait."""

    subscriptions: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    """Ack ids that are no longer leased."""

    exactly_once: bool = False
    failed: list[str] = field(default_factory=list)
    """Ack ids that were not valid; told apart for exactly-once subscriptions only."""


_FORGET = (
    "DELETE FROM pubsub_deliveries"
    " WHERE id = ? AND lease_number = ? AND subscription = ? AND leased = 1"
)
_RETAIN = (
    "UPDATE pubsub_deliveries SET leased = 2"
    " WHERE id = ? AND lease_number = ? AND subscription = ? AND leased = 1"
)


def acknowledge(tx: Transaction, name: str, ack_ids: Iterable[str], now: float) -> Effects:
    """Settle these leases for good; stale ack ids are ignored, unless delivery is exactly once."""
    subscription = subscriptions.get(tx, name)
    effects = _begin(tx, subscription, now)
    effects.subscriptions.add(name)
    statement = _RETAIN if subscription.retain_acked_messages else _FORGET
    for ack_id in dict.fromkeys(ack_ids):
        lease = _lease_named(ack_id, effects)
        if lease is not None and tx.execute(statement, (*lease, name)).rowcount:
            effects.settled.add(ack_id)
        elif effects.exactly_once:
            effects.failed.append(ack_id)
    return effects


def modify_deadline(
    tx: Transaction, name: str, changes: Iterable[tuple[str, int]], now: float
) -> Effects:
    """Move the end of each lease to that many seconds from now; 0 gives the message back."""
    subscription = subscriptions.get(tx, name)
    effects = _begin(tx, subscription, now)
    for ack_id, seconds in changes:
        subscriptions.check_ack_deadline(seconds, lowest=0)
        lease = _lease_named(ack_id, effects)
        row = None if lease is None else _leased(tx, name, lease)
        if row is None:
            if effects.exactly_once:
                effects.failed.append(ack_id)
        elif seconds:
            tx.execute(
                "UPDATE pubsub_deliveries SET available_at = ? WHERE id = ?",
                (now + seconds, row["id"]),
            )
        else:
            _give_back(tx, subscription, row, now, effects)
    return effects


def _begin(tx: Transaction, subscription: Subscription, now: float) -> Effects:
    effects = Effects(exactly_once=subscription.enable_exactly_once_delivery)
    if effects.exactly_once:
        # A lease that ran out a moment ago must not be found still open.
        expire(tx, subscription, now, effects)
    return effects


def _lease_named(ack_id: str, effects: Effects) -> tuple[int, int] | None:
    """A malformed id fails the request, but with exactly-once delivery only itself."""
    return match_ack_id(ack_id) if effects.exactly_once else parse_ack_id(ack_id)


def release(tx: Transaction, name: str, held: Mapping[str, Held], now: float) -> Effects:
    """Take back messages, by ack id, that no client has confirmed by extending their lease.

    Official clients do so on receipt; what was never received does not count as delivered.
    """
    effects = Effects({name})
    for ack_id, hold in held.items():
        row = _leased(tx, name, parse_ack_id(ack_id))
        if row is not None and row["available_at"] == hold.until:
            _return_uncounted(tx, row, now, effects)
    return effects


def expire(tx: Transaction, subscription: Subscription, now: float, effects: Effects) -> None:
    """Give back every lease of a subscription whose time is up."""
    expired = tx.execute(
        "SELECT id, lease_number FROM pubsub_deliveries"
        " WHERE subscription = ? AND leased = 1 AND available_at <= ? ORDER BY message_id",
        (subscription.name, now),
    ).fetchall()
    for delivery_id, lease_number in expired:
        # Giving back the first of an ordering key gives back those behind it.
        row = _leased(tx, subscription.name, (delivery_id, lease_number))
        if row is not None:
            _give_back(tx, subscription, row, now, effects)


def expire_all(tx: Transaction, now: float) -> Effects:
    """Give back every lease whose time is up, also where nobody pulls."""
    effects = Effects()
    for row in tx.execute(EXPIRED, (now,)).fetchall():
        expire(tx, subscriptions.get(tx, row["subscription"]), now, effects)
    return effects


def release_all(tx: Transaction, name: str, now: float) -> None:
    """Take back every lease of a subscription, because whoever held them is gone."""
    for row in tx.execute(
        "SELECT * FROM pubsub_deliveries WHERE subscription = ? AND leased = 1", (name,)
    ).fetchall():
        _return_uncounted(tx, row, now, Effects())


def drop_overdue(tx: Transaction, now: float) -> None:
    """Drop what is older than its subscription's retention."""
    for row in tx.execute("SELECT name FROM pubsub_subscriptions").fetchall():
        subscription = subscriptions.get(tx, row["name"])
        tx.execute(
            "DELETE FROM pubsub_deliveries WHERE subscription = :name AND ("
            " published_at <= :oldest OR leased = 2 AND published_at <= :oldest_acknowledged)",
            {
                "name": row["name"],
                "oldest": now - subscriptions.retention_seconds(subscription),
                "oldest_acknowledged": now - subscriptions.own_retention_seconds(subscription),
            },
        )


def _give_back(
    tx: Transaction, subscription: Subscription, row: Any, now: float, effects: Effects
) -> None:
    """End a lease without success: forward to the dead-letter topic, or rest and try again."""
    effects.subscriptions.add(subscription.name)
    effects.settled.add(format_ack_id(row["id"], row["lease_number"]))
    reached = None
    if dead_letter.is_exhausted(subscription, row["attempts"]):
        message = messages.load(tx, row["message_id"])
        reached = dead_letter.forward(tx, subscription, message, row["attempts"], now)
    if reached is not None:
        statement = _RETAIN if subscription.retain_acked_messages else _FORGET
        tx.execute(statement, (row["id"], row["lease_number"], subscription.name))
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
    effects.settled.add(format_ack_id(row["id"], row["lease_number"]))


def _leased(tx: Transaction, name: str, lease: tuple[int, int]) -> Any | None:
    rows = tx.execute(
        "SELECT * FROM pubsub_deliveries"
        " WHERE id = ? AND lease_number = ? AND subscription = ? AND leased = 1",
        (*lease, name),
    ).fetchall()
    return rows[0] if rows else None
