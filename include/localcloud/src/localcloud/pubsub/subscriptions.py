"""Subscriptions: create, read, list, update, delete.

Source: https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#subscription
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.pubsub_v1.types import pubsub

from localcloud.pubsub import backoff, dead_letter, limits, push_config, topics
from localcloud.pubsub.errors import (
    already_exists,
    failed_precondition,
    invalid,
    not_found,
    not_served,
)
from localcloud.pubsub.filters import compile_filter
from localcloud.pubsub.labels import check_labels
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.names import check_name, check_project, random_name
from localcloud.pubsub.paging import page
from localcloud.pubsub.raw_messages import PushConfig, Subscription, Topic
from localcloud.pubsub.updates import merge

_ACTIVE = int(pubsub.Subscription.State.ACTIVE)
_NOT_SERVED = (
    "bigquery_config",
    "cloud_storage_config",
    "bigtable_config",
    "message_transforms",
)
_OUTPUT_ONLY = ("topic_message_retention_duration", "detached", "analytics_hub_subscription_info")
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
    subscription.name = subscription.name or random_name("subscriptions", subscription.topic)
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
    if not subscription.retain_acked_messages:
        tx.execute(
            "DELETE FROM pubsub_deliveries WHERE subscription = ? AND leased = 2", (changes.name,)
        )
    return _save(tx, subscription)


def modify_push_config(tx: Transaction, name: str, config: PushConfig) -> Subscription:
    """Switch a subscription between pushing and pulling; an empty config means pulling."""
    subscription = get(tx, name)
    version = subscription.push_config.attributes.get(push_config.VERSION)
    subscription.push_config.CopyFrom(config)
    if version and config.push_endpoint and push_config.VERSION not in config.attributes:
        subscription.push_config.attributes[push_config.VERSION] = version
    _set_defaults(subscription)
    _check(subscription)
    return _save(tx, subscription)


def detach(tx: Transaction, name: str) -> None:
    """Cut a subscription off its topic; it loses its backlog and delivers no more."""
    get(tx, name)
    tx.execute("DELETE FROM pubsub_deliveries WHERE subscription = ?", (name,))
    tx.execute("UPDATE pubsub_subscriptions SET detached = 1 WHERE name = ?", (name,))


def require_attached(subscription: Subscription) -> None:
    """Raise FAILED_PRECONDITION for a detached subscription."""
    if subscription.detached:
        raise failed_precondition(
            f"Subscription is detached and cannot be used (resource={subscription.name})."
        )


def is_pushed(subscription: Subscription) -> bool:
    """Whether messages go to an endpoint rather than to whoever pulls."""
    return bool(subscription.push_config.push_endpoint)


def list_page(
    tx: Transaction, project: str, size: int, token: str
) -> tuple[list[Subscription], str]:
    """Return subscriptions of `projects/P` by name, and the next page's token."""
    check_project(project)
    rows, following = page(
        tx,
        _SELECT + " WHERE substr(s.name, 1, length(?1)) = ?1 AND s.name > ?2"
        " ORDER BY s.name LIMIT ?3",
        (f"{project}/subscriptions/",),
        size,
        token,
    )
    return [_parse(row) for row in rows], following


def delete(tx: Transaction, name: str) -> None:
    """Delete a subscription with all that it was owed."""
    get(tx, name)
    tx.execute("DELETE FROM pubsub_deliveries WHERE subscription = ?", (name,))
    tx.execute("DELETE FROM pubsub_subscriptions WHERE name = ?", (name,))
    tx.execute("DELETE FROM pubsub_policies WHERE resource = ?", (name,))


def retention_seconds(subscription: Subscription) -> float:
    """How long an unacknowledged message is kept: as long as its topic keeps it, at least."""
    of_topic = subscription.topic_message_retention_duration.ToTimedelta().total_seconds()
    return max(own_retention_seconds(subscription), float(of_topic))


def own_retention_seconds(subscription: Subscription) -> float:
    """How long an acknowledged message is kept where the subscription retains those."""
    return float(subscription.message_retention_duration.ToTimedelta().total_seconds())


def _set_defaults(subscription: Subscription) -> None:
    subscription.state = _ACTIVE
    for name in _OUTPUT_ONLY:
        subscription.ClearField(name)
    push_config.set_defaults(subscription.push_config)
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
    check_labels(subscription.labels)
    push_config.check(subscription.push_config)
    if subscription.enable_exactly_once_delivery and is_pushed(subscription):
        raise invalid("Exactly-once delivery is not supported for push subscriptions.")
    check_ack_deadline(subscription.ack_deadline_seconds, limits.MIN_ACK_DEADLINE_SECONDS)
    topics.check_retention(own_retention_seconds(subscription))
    _check_expiration(subscription)
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


def _check_expiration(subscription: Subscription) -> None:
    policy = subscription.expiration_policy
    seconds = policy.ttl.ToTimedelta().total_seconds()
    if policy.HasField("ttl") and seconds < limits.MIN_EXPIRATION_SECONDS:
        raise invalid(
            f"Invalid expiration policy: ttl is {seconds:.0f} s; "
            f"the least is {limits.MIN_EXPIRATION_SECONDS} s."
        )


_SELECT = (
    "SELECT s.name, s.topic, s.body, s.detached, t.body AS topic_body"
    " FROM pubsub_subscriptions AS s LEFT JOIN pubsub_topics AS t ON t.name = s.topic"
)


def _find(tx: Transaction, name: str) -> Subscription | None:
    rows = tx.execute(_SELECT + " WHERE s.name = ?", (name,)).fetchall()
    return _parse(rows[0]) if rows else None


def _parse(row: Any) -> Subscription:
    """What changes with the topic and after creation is kept in columns, which win."""
    subscription = Subscription.FromString(row["body"])
    subscription.topic = row["topic"]
    subscription.detached = bool(row["detached"])
    if row["topic_body"] is not None:
        topic = Topic.FromString(row["topic_body"])
        if topic.HasField("message_retention_duration"):
            subscription.topic_message_retention_duration.CopyFrom(topic.message_retention_duration)
    return subscription


def _save(tx: Transaction, subscription: Subscription) -> Subscription:
    tx.execute(
        "INSERT INTO pubsub_subscriptions (name, topic, body) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        (subscription.name, subscription.topic, subscription.SerializeToString()),
    )
    return get(tx, subscription.name)
