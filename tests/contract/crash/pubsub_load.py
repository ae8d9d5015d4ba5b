"""Messages published, pulled and acknowledged, and the ones that other services send."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage
from tests.contract.conftest import RunningCloud
from tests.contract.crash.ledger import digest
from tests.contract.crash.load import PROJECT, TIMEOUT_SECONDS

TOPIC = f"projects/{PROJECT}/topics/crash"
KEPT = f"projects/{PROJECT}/subscriptions/kept"
WORKED = f"projects/{PROJECT}/subscriptions/worked"
_NO_RETRY: dict[str, Any] = {"retry": None, "timeout": TIMEOUT_SECONDS}
_BATCH = 10
_PULL = 500
# A lease of the last round has to run out before its message comes again.
_LEASE_SECONDS = 10


@contextmanager
def publisher_of(cloud: RunningCloud) -> Iterator[PublisherClient]:
    """A client that publishes what it is told in one request."""
    with grpc.insecure_channel(cloud.pubsub) as channel:
        yield PublisherClient(transport=PublisherGrpcTransport(channel=channel))


@contextmanager
def subscriber_of(cloud: RunningCloud) -> Iterator[SubscriberClient]:
    with grpc.insecure_channel(cloud.pubsub) as channel:
        yield SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def drain(cloud: RunningCloud, subscription: str, wait_seconds: float) -> list[PubsubMessage]:
    """Pull and acknowledge until nothing comes for a while."""
    found: list[PubsubMessage] = []
    with subscriber_of(cloud) as client:
        while True:
            request = {"subscription": subscription, "max_messages": _PULL}
            try:
                received = client.pull(
                    request=request, retry=None, timeout=wait_seconds
                ).received_messages
            except DeadlineExceeded:
                return found
            if not received:
                return found
            found += [each.message for each in received]
            ack_ids = [each.ack_id for each in received]
            client.acknowledge(subscription=subscription, ack_ids=ack_ids, **_NO_RETRY)


class PublishLoad:
    """Publishes; one subscription holds everything until the end."""

    name = "publisher"

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}
        self.acknowledged: set[str] = set()
        self._received: set[str] = set()

    def prepare(self, cloud: RunningCloud) -> None:
        with publisher_of(cloud) as publisher, subscriber_of(cloud) as subscriber:
            publisher.create_topic(name=TOPIC)
            subscriber.create_subscription(request={"name": KEPT, "topic": TOPIC})

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        with publisher_of(cloud) as client:
            for number in itertools.count():
                batch = {f"{prefix}{number}-{n}": dice.randbytes(200) for n in range(_BATCH)}
                self.sent |= {name: digest(data) for name, data in batch.items()}
                messages = [
                    {"data": data, "attributes": {"name": name}} for name, data in batch.items()
                ]
                client.publish(topic=TOPIC, messages=messages, **_NO_RETRY)
                self.acknowledged |= batch.keys()

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        """Only the whole is checked: a pull of some would take them from the subscription."""
        if prefix:
            return []
        lines = []
        for message in drain(cloud, KEPT, wait_seconds=1.0):
            name = message.attributes.get("name", "")
            self._received.add(name)
            if self.sent.get(name) != digest(message.data):
                lines.append(f"message {name!r} came with content that nobody sent")
        lost = sorted(self.acknowledged - self._received)
        return lines + [f"message {name} was acknowledged and never delivered" for name in lost]

    def summary(self) -> dict[str, int]:
        cut_off = len(self.sent) - len(self.acknowledged)
        return {"acknowledged": len(self.acknowledged), "struck": cut_off}


class PullLoad:
    """Pulls and acknowledges what the other load publishes.

    The subscription delivers exactly once: a message whose acknowledgement was confirmed does not
    come again, and one that was not confirmed does.
    """

    name = "puller"

    def __init__(self, published: PublishLoad) -> None:
        self._published = published
        self._received: set[str] = set()
        self._confirmed: set[str] = set()
        self._again: list[str] = []

    def prepare(self, cloud: RunningCloud) -> None:
        with subscriber_of(cloud) as client:
            client.create_subscription(
                request={
                    "name": WORKED,
                    "topic": TOPIC,
                    "ack_deadline_seconds": _LEASE_SECONDS,
                    "enable_exactly_once_delivery": True,
                }
            )

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        with subscriber_of(cloud) as client:
            while True:
                request = {"subscription": WORKED, "max_messages": dice.randint(1, 20)}
                received = client.pull(request=request, **_NO_RETRY).received_messages
                names = [each.message.attributes["name"] for each in received]
                self._note(names)
                ack_ids = [each.ack_id for each in received]
                client.acknowledge(subscription=WORKED, ack_ids=ack_ids, **_NO_RETRY)
                self._confirmed |= set(names)

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        if not prefix:
            rest = drain(cloud, WORKED, wait_seconds=_LEASE_SECONDS + 2.0)
            self._note([message.attributes["name"] for message in rest])
        again, self._again = self._again, []
        lines = [f"message {name} came after its confirmed acknowledgement" for name in again]
        if not prefix:
            lost = sorted(self._published.acknowledged - self._received)
            lines += [f"message {name} was lost between pull and ack" for name in lost]
        return lines

    def summary(self) -> dict[str, int]:
        return {"acknowledged": len(self._confirmed)}

    def _note(self, names: list[str]) -> None:
        self._received |= set(names)
        self._again += [name for name in names if name in self._confirmed]
