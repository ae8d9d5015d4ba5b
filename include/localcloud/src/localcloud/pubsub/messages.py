"""Publishing: checks messages and owes each to every subscription whose filter it passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.pubsub import limits, retention
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.filters import Predicate, compile_filter
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.names import check_name
from localcloud.pubsub.raw_messages import PubsubMessage as Message
from localcloud.pubsub.raw_messages import Subscription


@dataclass(frozen=True)
class _Origin:
    """Where and when messages were published, and until when they are kept without deliveries."""

    topic: str
    published_at: float
    kept_until: float


def publish(
    tx: Transaction, topic: str, messages: Sequence[Message], now: float
) -> tuple[list[str], set[str]]:
    """Store messages and return their ids, and the subscriptions that now have something new.

    Raises
    ------
    GoogleError
        NOT_FOUND for an absent topic, INVALID_ARGUMENT for what Google would not accept.
    """
    check_name("topics", topic)
    _check_request(messages)
    return deliver(tx, topic, messages, now)


def deliver(
    tx: Transaction, topic: str, messages: Sequence[Message], now: float
) -> tuple[list[str], set[str]]:
    """Do what `publish` does with messages that need no check."""
    kept_until = retention.kept_until(tx, topic, now)
    filters = _filters(tx, topic)
    ids, reached = [], set()
    for message in messages:
        message.publish_time.FromMicroseconds(int(now * 1e6))
        subscriptions = [name for name, passes in filters if passes(message.attributes)]
        ids.append(str(_store(tx, message, _Origin(topic, now, kept_until), subscriptions)))
        reached.update(subscriptions)
    return ids, reached


def _check(message: Message) -> None:
    if not message.data and not message.attributes:
        raise invalid(
            "One or more messages in the publish request is empty. Each message must contain "
            "either non-empty data, or at least one attribute."
        )
    if len(message.attributes) > limits.MAX_ATTRIBUTES:
        raise invalid(f"A message has more than {limits.MAX_ATTRIBUTES} attributes.")
    if len(message.ordering_key.encode()) > limits.MAX_ORDERING_KEY_BYTES:
        raise invalid(f"An ordering key is longer than {limits.MAX_ORDERING_KEY_BYTES} bytes.")
    for key, value in message.attributes.items():
        if not key or len(key.encode()) > limits.MAX_ATTRIBUTE_KEY_BYTES:
            raise invalid(f"Attribute keys have 1 to {limits.MAX_ATTRIBUTE_KEY_BYTES} bytes.")
        if key.startswith(limits.RESERVED_ATTRIBUTE_PREFIX):
            raise invalid(
                f'Attribute keys must not begin with "{limits.RESERVED_ATTRIBUTE_PREFIX}".'
            )
        if len(value.encode()) > limits.MAX_ATTRIBUTE_VALUE_BYTES:
            raise invalid(
                f"Attribute values have at most {limits.MAX_ATTRIBUTE_VALUE_BYTES} bytes."
            )


def load(tx: Transaction, message_id: int) -> Message:
    """Return a stored message, with its id."""
    rows = tx.execute("SELECT body FROM pubsub_messages WHERE id = ?", (message_id,)).fetchall()
    message = Message.FromString(rows[0]["body"])
    message.message_id = str(message_id)
    return message


def _check_request(messages: Sequence[Message]) -> None:
    if not 1 <= len(messages) <= limits.MAX_MESSAGES_PER_PUBLISH:
        raise invalid(f"A publish request has 1 to {limits.MAX_MESSAGES_PER_PUBLISH} messages.")
    if sum(message.ByteSize() for message in messages) > limits.MAX_PUBLISH_BYTES:
        raise invalid(f"A publish request has at most {limits.MAX_PUBLISH_BYTES} bytes.")
    for message in messages:
        _check(message)


def _filters(tx: Transaction, topic: str) -> list[tuple[str, Predicate]]:
    rows = tx.execute(
        "SELECT name, body FROM pubsub_subscriptions"
        " WHERE topic = ? AND NOT detached ORDER BY name",
        (topic,),
    ).fetchall()
    return [
        (row["name"], compile_filter(Subscription.FromString(row["body"]).filter)) for row in rows
    ]


def _store(
    tx: Transaction, message: Message, origin: _Origin, subscriptions: Sequence[str]
) -> int | None:
    size_bytes = message.ByteSize()
    message_id = tx.execute(
        "INSERT INTO pubsub_messages"
        " (body, topic, ordering_key, size_bytes, published_at, kept_until)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            message.SerializeToString(),
            origin.topic,
            message.ordering_key,
            size_bytes,
            origin.published_at,
            origin.kept_until,
        ),
    ).lastrowid
    if not subscriptions and not origin.kept_until:
        # The number is spent all the same: ids never repeat within a server's life.
        tx.execute("DELETE FROM pubsub_messages WHERE id = ?", (message_id,))
    tx.executemany(
        "INSERT INTO pubsub_deliveries"
        " (subscription, message_id, ordering_key, size_bytes, published_at, available_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                name,
                message_id,
                message.ordering_key,
                size_bytes,
                origin.published_at,
                origin.published_at,
            )
            for name in subscriptions
        ],
    )
    return message_id
