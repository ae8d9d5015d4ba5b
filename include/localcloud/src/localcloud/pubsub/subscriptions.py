"""Subscriptions: create, read, list, update, delete.

Source: https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#subscription
"""

from __future__ import annotations

from collections.abc import Sequence

from google.pubsub_v1.types import pubsub

from localcloud.pubsub import backoff, dead_letter, limits, topics
from localcloud.pubsub.errors import already_exists, invalid, not_found, not_served
from localcloud.pubsub.filters import compile_filter
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.names import check_name, check_project
from localcloud.pubsub.paging import page
from localcloud.pubsub.updates import merge

Subscription = pubsub.Subscription.pb()
_ACTIVE = int(pubsub.Subscription.State.ACTIVE)
_NOT_SERVED = (
    "bigquery_config",
    "cloud_storage_config",
    "bigtable_config",
    "retain_acked_messages",
    "enable_exactly_once_delivery",
    "message_transforms",
)
_UPDATABLE = frozenset(
    {
        "ack_deadline_seconds",
        "dead_letter_policy",
        "enable_exactly_once_delivery",
        "expiration_policy",
        "labels",
        "message_retention_duration",
        "push_config",
        "retain_acked_messages",
        "retry_policy",
    }
)


def create(tx: Transaction, subscription: Subscription) -> Subscription:
    """Store a new subscription and return it as Google does, with its defaults filled in."""
    check_name("subscriptions", subscription.name)
    topics.get(tx, subscription.topic)
    _set_defaults(subscription)
    _check(subscription)
    _require_dead_letter_topic(tx, subscription)
    if _find(tx, subscription.name) is not None:
        raise already_exists(subscription.name)
    return _save(tx, subscription)


def get(tx: Transaction, name: str) -> Subscription:
    """Return a subscription or raise NOT_FOUND."""
    check_name("subscriptions", name)
    subscription = _find(tx, name)
    if subscription is None:
        raise not_found(name)
    return subscription


def update(tx: Transaction, changes: Subscription, paths: Sequence[str]) -> Subscription:
    """Replace the fields that `paths` name."""
    subscription = get(tx, changes.name)
    merge(changes, subscription, paths, _UPDATABLE)
    _set_defaults(subscription)
    _check(subscription)
    if any(path.startswith("dead_letter_policy") for path in paths):
        _require_dead_letter_topic(tx, subscription)
    return _save(tx, subscription)


def list_page(
    tx: Transaction, project: str, size: int, token: str
) -> tuple[list[Subscription], str]:
    """Return subscriptions of `projects/P` by name, and the next page's token."""
    check_project(project)
    rows, following = page(
        tx,
        "SELECT name, topic, body FROM pubsub_subscriptions"
        " WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        (f"{project}/subscriptions/",),
        size,
        token,
    )
    return [_parse(row["topic"], row["body"]) for row in rows], following


def delete(tx: Transaction, name: str) -> None:
    """Delete a subscription with all that it was owed."""
    get(tx, name)
    tx.execute("DELETE FROM pubsub_deliveries WHERE subscription = ?", (name,))
    tx.execute("DELETE FROM pubsub_subscriptions WHERE name = ?", (name,))


def retention_seconds(subscription: Subscription) -> float:
    """How long an unacknowledged message is kept."""
    return float(subscription.message_retention_duration.ToTimedelta().total_seconds())


def _set_defaults(subscription: Subscription) -> None:
    subscription.state = _ACTIVE
    if not subscription.ack_deadline_seconds:
        subscription.ack_deadline_seconds = limits.DEFAULT_ACK_DEADLINE_SECONDS
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.FromSeconds(limits.DEFAULT_RETENTION_SECONDS)
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.FromSeconds(limits.DEFAULT_EXPIRATION_SECONDS)
    policy = subscription.dead_letter_policy
    if policy.dead_letter_topic and not policy.max_delivery_attempts:
        policy.max_delivery_attempts = limits.DEFAULT_DELIVERY_ATTEMPTS


def _check(subscription: Subscription) -> None:
    for field, _ in subscription.ListFields():
        if field.name in _NOT_SERVED:
            raise not_served(f"Subscription.{field.name}")
    if subscription.push_config.push_endpoint:
        raise not_served("Subscription.push_config.push_endpoint")
    check_ack_deadline(subscription.ack_deadline_seconds, limits.MIN_ACK_DEADLINE_SECONDS)
    low, high = limits.MIN_RETENTION_SECONDS, limits.MAX_RETENTION_SECONDS
    if not low <= retention_seconds(subscription) <= high:
        raise invalid(f"Invalid message retention given. Allowed values are {low} to {high} s.")
    compile_filter(subscription.filter)
    backoff.check_policy(subscription.retry_policy)
    dead_letter.check_policy(subscription.dead_letter_policy)


def _require_dead_letter_topic(tx: Transaction, subscription: Subscription) -> None:
    if subscription.dead_letter_policy.dead_letter_topic:
        topics.get(tx, subscription.dead_letter_policy.dead_letter_topic)


def check_ack_deadline(seconds: int, lowest: int) -> None:
    """Raise INVALID_ARGUMENT for an ack deadline out of range."""
    if not lowest <= seconds <= limits.MAX_ACK_DEADLINE_SECONDS:
        raise invalid(
            f"Invalid ack deadline given: {seconds}. "
            f"Allowed values are {lowest} to {limits.MAX_ACK_DEADLINE_SECONDS}."
        )


def _find(tx: Transaction, name: str) -> Subscription | None:
    rows = tx.execute(
        "SELECT topic, body FROM pubsub_subscriptions WHERE name = ?", (name,)
    ).fetchall()
    return _parse(rows[0]["topic"], rows[0]["body"]) if rows else None


def _parse(topic: str, body: bytes) -> Subscription:
    """The topic of the row wins: it changes when the topic is deleted."""
    subscription = Subscription.FromString(body)
    subscription.topic = topic
    return subscription


def _save(tx: Transaction, subscription: Subscription) -> Subscription:
    tx.execute(
        "INSERT OR REPLACE INTO pubsub_subscriptions (name, topic, body) VALUES (?, ?, ?)",
        (subscription.name, subscription.topic, subscription.SerializeToString()),
    )
    return subscription
