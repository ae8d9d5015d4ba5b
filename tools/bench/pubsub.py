"""Messages from publish to acknowledgement; no other server of Pub/Sub can be installed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import grpc
from google.cloud import pubsub_v1
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from tools.bench.measure import Measurement, stopwatch

_MESSAGES = 3000
_MESSAGE_BYTES = 1000
_NUMBERS = itertools.count()
_TIMEOUT_SECONDS = 120.0


def measurements(address: str) -> Iterator[Measurement]:
    """Measure a Pub/Sub service by its host and port."""
    yield Measurement(
        f"Pub/Sub, {_MESSAGES} messages of {_MESSAGE_BYTES} bytes published, delivered by "
        "streaming pull and acknowledged, official client",
        "messages/s",
        "1,000/s",
        "no peer: Google's emulator is in no package registry",
        lambda: _exchange(address),
        None,
    )


def _exchange(address: str) -> float:
    number = next(_NUMBERS)
    topic, subscription = (
        f"projects/bench/topics/bench-{number}",
        f"projects/bench/subscriptions/bench-{number}",
    )
    done, received = threading.Event(), itertools.count(1)

    def take(message: pubsub_v1.subscriber.message.Message) -> None:
        message.ack()
        if next(received) == _MESSAGES:
            done.set()

    with grpc.insecure_channel(address) as channel:
        publisher = pubsub_v1.PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscription, topic=topic)
        stream = subscriber.subscribe(subscription, take)
        with stopwatch() as seconds:
            for _ in range(_MESSAGES):
                publisher.publish(topic, bytes(_MESSAGE_BYTES))
            if not done.wait(_TIMEOUT_SECONDS):
                raise RuntimeError("not every message came")
            rate = _MESSAGES / seconds()
        stream.cancel()
        stream.result()
        publisher.stop()
    return rate
