"""Topics: create, read, list, update, delete.

Source: https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#topic
"""

from __future__ import annotations

from collections.abc import Sequence

from google.pubsub_v1.types import pubsub

from localcloud.pubsub import limits
from localcloud.pubsub.errors import already_exists, invalid, not_found, not_served
from localcloud.pubsub.labels import check_labels
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.names import DELETED_TOPIC, check_name, check_project
from localcloud.pubsub.paging import page
from localcloud.pubsub.raw_messages import Topic
from localcloud.pubsub.updates import merge

_ACTIVE = int(pubsub.Topic.State.ACTIVE)
_NOT_SERVED = (
    "kms_key_name",
    "schema_settings",
    "ingestion_data_source_settings",
    "message_transforms",
)
_UPDATABLE = frozenset({"labels", "message_storage_policy", "message_retention_duration"})


def create(tx: Transaction, topic: Topic) -> Topic:
    """Store a new topic and return it as Google does, with its state."""
    check_name("topics", topic.name)
    _check(topic)
    if _find(tx, topic.name) is not None:
        raise already_exists(topic.name)
    return _save(tx, topic)


def get(tx: Transaction, name: str) -> Topic:
    """Return a topic or raise NOT_FOUND."""
    check_name("topics", name)
    topic = _find(tx, name)
    if topic is None:
        raise not_found(name)
    return topic


def update(tx: Transaction, changes: Topic, paths: Sequence[str]) -> Topic:
    """Replace the fields that `paths` name."""
    topic = get(tx, changes.name)
    merge(changes, topic, paths, _UPDATABLE)
    _check(topic)
    return _save(tx, topic)


def retention_seconds(topic: Topic) -> float:
    """How long the topic keeps messages for every subscription, or 0 when it does not."""
    return float(topic.message_retention_duration.ToTimedelta().total_seconds())


def list_page(tx: Transaction, project: str, size: int, token: str) -> tuple[list[Topic], str]:
    """Return topics of `projects/P` in the order of their names, and the next page's token."""
    check_project(project)
    rows, following = page(
        tx,
        "SELECT name, body FROM pubsub_topics"
        " WHERE substr(name, 1, length(?1)) = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        (f"{project}/topics/",),
        size,
        token,
    )
    return [Topic.FromString(row["body"]) for row in rows], following


def list_subscriptions(tx: Transaction, name: str, size: int, token: str) -> tuple[list[str], str]:
    """Return the names of a topic's subscriptions, and the next page's token."""
    get(tx, name)
    rows, following = page(
        tx,
        "SELECT name FROM pubsub_subscriptions"
        " WHERE topic = ?1 AND NOT detached AND name > ?2 ORDER BY name LIMIT ?3",
        (name,),
        size,
        token,
    )
    return [row["name"] for row in rows], following


def list_snapshots(tx: Transaction, name: str, size: int, token: str) -> tuple[list[str], str]:
    """Return the names of a topic's snapshots, and the next page's token."""
    get(tx, name)
    rows, following = page(
        tx,
        "SELECT name FROM pubsub_snapshots WHERE topic = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        (name,),
        size,
        token,
    )
    return [row["name"] for row in rows], following


def delete(tx: Transaction, name: str) -> None:
    """Delete a topic; its subscriptions keep their backlog and lose their topic."""
    get(tx, name)
    tx.execute("DELETE FROM pubsub_topics WHERE name = ?", (name,))
    tx.execute("DELETE FROM pubsub_policies WHERE resource = ?", (name,))
    tx.execute("UPDATE pubsub_subscriptions SET topic = ? WHERE topic = ?", (DELETED_TOPIC, name))
    tx.execute("UPDATE pubsub_snapshots SET topic = ? WHERE topic = ?", (DELETED_TOPIC, name))


def _check(topic: Topic) -> None:
    for field, _ in topic.ListFields():
        # Refused, because it would be silently ignored.
        if field.name in _NOT_SERVED:
            raise not_served(f"Topic.{field.name}")
    check_labels(topic.labels)
    if topic.HasField("message_retention_duration"):
        check_retention(retention_seconds(topic))


def check_retention(seconds: float) -> None:
    """Raise INVALID_ARGUMENT for a message retention out of range."""
    low, high = limits.MIN_RETENTION_SECONDS, limits.MAX_RETENTION_SECONDS
    if not low <= seconds <= high:
        raise invalid(f"Invalid message retention given. Allowed values are {low} to {high} s.")


def _find(tx: Transaction, name: str) -> Topic | None:
    rows = tx.execute("SELECT body FROM pubsub_topics WHERE name = ?", (name,)).fetchall()
    return Topic.FromString(rows[0]["body"]) if rows else None


def _save(tx: Transaction, topic: Topic) -> Topic:
    topic.state = _ACTIVE
    tx.execute(
        "INSERT OR REPLACE INTO pubsub_topics (name, body) VALUES (?, ?)",
        (topic.name, topic.SerializeToString()),
    )
    return topic
