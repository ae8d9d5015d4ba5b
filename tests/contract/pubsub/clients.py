"""Both official Pub/Sub clients behind one object, with names no other test uses."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.types import ReceivedMessage

PROJECT = "contract"


class Clients:
    """Both clients of one server, and topics and subscriptions with names of their own."""

    _numbers = itertools.count()

    def __init__(self, address: str) -> None:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PUBSUB_EMULATOR_HOST", address)
            self.publisher = pubsub_v1.PublisherClient(
                publisher_options=pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
            )
            self.subscriber = pubsub_v1.SubscriberClient()
        # The batching client on top of it publishes message by message.
        self._requests = PublisherClient(transport=self.publisher.transport)

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()

    def name(self, kind: str) -> str:
        """An unused name; `kind` is "topics", "subscriptions" or "snapshots"."""
        return f"projects/{PROJECT}/{kind}/test-{next(self._numbers)}"

    def topic(self, **settings: Any) -> str:
        return str(
            self.publisher.create_topic(request={"name": self.name("topics"), **settings}).name
        )

    def subscription(self, topic: str, **settings: Any) -> str:
        request = {"name": self.name("subscriptions"), "topic": topic, **settings}
        return str(self.subscriber.create_subscription(request=request).name)

    def snapshot(self, subscription: str) -> str:
        name = self.name("snapshots")
        return str(self.subscriber.create_snapshot(name=name, subscription=subscription).name)

    def seek(self, subscription: str, **target: Any) -> None:
        self.subscriber.seek(request={"subscription": subscription, **target})

    def publish(self, topic: str, *data: bytes, key: str = "", **attributes: str) -> list[str]:
        """Publish in one request and return the ids."""
        messages = [{"data": each, "ordering_key": key, "attributes": attributes} for each in data]
        return self.publish_messages(topic, messages)

    def publish_messages(self, topic: str, messages: list[dict[str, Any]]) -> list[str]:
        """Publish messages as the request spells them, unchecked."""
        return list(self._requests.publish(topic=topic, messages=messages).message_ids)

    def pull(self, subscription: str, count: int = 100, **options: Any) -> list[ReceivedMessage]:
        response = self.subscriber.pull(subscription=subscription, max_messages=count, **options)
        return list(response.received_messages)

    def drain(
        self, subscription: str, count: int, within_seconds: float = 10.0
    ) -> list[ReceivedMessage]:
        """Pull until `count` messages have come."""
        received: list[ReceivedMessage] = []
        end = time.monotonic() + within_seconds
        while len(received) < count:
            assert time.monotonic() < end, f"{len(received)} of {count} messages came"
            received += self.pull(subscription, count - len(received))
        return received

    def pull_now(self, subscription: str, count: int = 100) -> list[ReceivedMessage]:
        """Pull without waiting."""
        request = {"subscription": subscription, "max_messages": count, "return_immediately": True}
        return list(self.subscriber.pull(request=request).received_messages)

    def is_empty(self, subscription: str) -> bool:
        return not self.pull_now(subscription, 1)

    def acknowledge(self, subscription: str, received: list[ReceivedMessage]) -> None:
        ack_ids = [each.ack_id for each in received]
        self.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)

    def nack(self, subscription: str, received: list[ReceivedMessage]) -> None:
        self.modify(subscription, received, 0)

    def modify(self, subscription: str, received: list[ReceivedMessage], seconds: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription,
            ack_ids=[each.ack_id for each in received],
            ack_deadline_seconds=seconds,
        )


def data_of(received: list[ReceivedMessage]) -> list[bytes]:
    return [each.message.data for each in received]


def eventually(condition: Callable[[], bool], within_seconds: float = 10.0) -> bool:
    end = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
