"""Pub/Sub: publish a message, hear the doorbell, take what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import PubsubMessage

from wetread.gcp.retries import RETRY, TIMEOUT_SECONDS, translated


@dataclass(frozen=True)
class Message:
    """A delivered message; ``ack_id`` acknowledges this delivery."""

    ack_id: str
    data: bytes
    attributes: Mapping[str, str]


class Topic:
    """One topic to publish to."""

    def __init__(self, client: PublisherClient, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, data: bytes, attributes: Mapping[str, str], subject: str) -> str:
        """Publish one message; return its id. A retry may publish it twice: send a dedup key."""
        with translated("pubsub.topics.publish", subject):
            answer = self._client.publish(
                topic=self._name,
                messages=[PubsubMessage(data=data, attributes=dict(attributes))],
                retry=RETRY,
                timeout=TIMEOUT_SECONDS,
            )
        return str(answer.message_ids[0])


class Subscription:
    """One pull subscription."""

    def __init__(self, client: SubscriberClient, name: str) -> None:
        self._client = client
        self._name = name

    def pull(self, max_messages: int, timeout_seconds: float) -> list[Message]:
        """Take up to ``max_messages``, waiting for the first for at most ``timeout_seconds``."""
        subject = "the intake subscription"
        with translated("pubsub.subscriptions.pull", subject):
            try:
                answer = self._client.pull(
                    subscription=self._name,
                    max_messages=max_messages,
                    retry=RETRY.with_timeout(timeout_seconds),
                    timeout=timeout_seconds,
                )
            except (exceptions.DeadlineExceeded, exceptions.RetryError):
                return []
        return [
            Message(item.ack_id, bytes(item.message.data), dict(item.message.attributes))
            for item in answer.received_messages
        ]

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Acknowledge deliveries; those that expired come again, which does no harm."""
        if ack_ids:
            with translated("pubsub.subscriptions.acknowledge", "the intake subscription"):
                self._client.acknowledge(
                    subscription=self._name,
                    ack_ids=list(ack_ids),
                    retry=RETRY,
                    timeout=TIMEOUT_SECONDS,
                )

    def release(self, ack_ids: Sequence[str]) -> None:
        """Give deliveries back, to be delivered again at once."""
        if ack_ids:
            with translated("pubsub.subscriptions.modifyAckDeadline", "the intake subscription"):
                self._client.modify_ack_deadline(
                    subscription=self._name,
                    ack_ids=list(ack_ids),
                    ack_deadline_seconds=0,
                    retry=RETRY,
                    timeout=TIMEOUT_SECONDS,
                )
