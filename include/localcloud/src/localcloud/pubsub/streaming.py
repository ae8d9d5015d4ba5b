"""StreamingPull: one stream of messages out, one of acknowledgements and extensions in.

Source: https://cloud.google.com/pubsub/docs/pull#streamingpull_api
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from localcloud.errors import GoogleError
from localcloud.pubsub import subscriptions
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.leasing import Batch, Room
from localcloud.pubsub.limits import (
    MAX_MESSAGES_PER_RESPONSE,
    MAX_RESPONSE_BYTES,
    MIN_ACK_DEADLINE_SECONDS,
)
from localcloud.pubsub.queues import Queues
from localcloud.pubsub.raw_messages import StreamingPullResponse as Response
from localcloud.pubsub.raw_messages import Subscription
from localcloud.pubsub.settling import Effects
from localcloud.pubsub.signals import Listener

_MAX_WAIT_SECONDS = 30.0
_MAX_CONFIRMATIONS = 100
_INITIAL_ONLY = (
    "subscription",
    "max_outstanding_messages",
    "max_outstanding_bytes",
    "protocol_version",
)


async def stream(queues: Queues, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Answer one StreamingPull until the client closes it or the subscription goes.

    A client that reconnects before its old stream has ended, as the Python client does after
    quick failures, would leave messages with a stream it no longer reads: its newer stream
    therefore ends the older one. Source: StreamingPullRequest.client_id in pubsub.proto.

    What this stream has leased stays leased when it ends: the client may still acknowledge it by
    the unary call, and otherwise the deadline brings it back.
    """
    first = await anext(requests, None)
    if first is None:
        return
    session = _Session(queues, first)
    with queues.signals.listen(session.name, first.client_id) as listener:
        # Answered at once: a client knows thereby that its stream stands.
        yield Response(subscription_properties=await session.properties())
        reader = asyncio.create_task(session.read(first, requests, listener))
        reader.add_done_callback(lambda _: listener.wake.set())
        try:
            while not reader.done():
                batch = await session.next_batch(listener)
                if listener.superseded:
                    session.release(listener)
                    raise GoogleError.of(503, "A newer stream of this client has taken over.")
                for confirmation in session.take_confirmations():
                    yield confirmation
                if batch is not None and batch.messages:
                    yield Response(
                        received_messages=batch.messages,
                        subscription_properties=_properties(batch.subscription),
                    )
            reader.result()
            for confirmation in session.take_confirmations():
                yield confirmation
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader


class _Session:
    def __init__(self, queues: Queues, first: Any) -> None:
        self.name = first.subscription
        self._queues = queues
        self._deadline_seconds = _checked_deadline(first.stream_ack_deadline_seconds)
        # Zero or less means without limit.
        self._max_messages = max(0, first.max_outstanding_messages) or None
        self._max_bytes = max(0, first.max_outstanding_bytes) or None
        self._exactly_once = False
        # A client that does not read loses the oldest: they are "not guaranteed to be populated".
        self._confirmations: deque[Response] = deque(maxlen=_MAX_CONFIRMATIONS)

    async def properties(self) -> Any:
        """Read the subscription, which must be there and be one that is pulled."""
        batch = await self._queues.lease(self.name, Room(0))
        return _properties(batch.subscription)

    def take_confirmations(self) -> list[Response]:
        """Return what an exactly-once client is yet to be told of its acknowledgements."""
        taken = list(self._confirmations)
        self._confirmations.clear()
        return taken

    def release(self, listener: Listener) -> None:
        """Take back what the client has not confirmed, unless that could deliver it twice."""
        if not self._exactly_once:
            self._queues.release(self.name, listener.outstanding)

    async def read(self, first: Any, requests: AsyncIterator[Any], listener: Listener) -> None:
        """Apply what the client sends until it has no more to say."""
        await self._apply(first, listener)
        async for request in requests:
            for name in _INITIAL_ONLY:
                if getattr(request, name):
                    raise invalid(f"Only the first request of a stream may set {name}.")
            if request.stream_ack_deadline_seconds:
                self._deadline_seconds = _checked_deadline(request.stream_ack_deadline_seconds)
            await self._apply(request, listener)

    async def next_batch(self, listener: Listener) -> Batch | None:
        """Lease what flow control lets through; where there is nothing, wait and return None."""
        listener.wake.clear()
        wait_seconds = _MAX_WAIT_SECONDS
        room = self._room(listener)
        if room.messages > 0 and room.size_bytes > 0:
            batch = await self._queues.lease(self.name, room, self._deadline_seconds)
            self._exactly_once = batch.subscription.enable_exactly_once_delivery
            if batch.messages:
                listener.outstanding.update(batch.held)
                return batch
            if batch.next_at is not None:
                wait_seconds = min(wait_seconds, batch.next_at - self._queues.clock())
        await listener.wait(wait_seconds)
        return None

    def _room(self, listener: Listener) -> Room:
        messages, size_bytes = MAX_MESSAGES_PER_RESPONSE, MAX_RESPONSE_BYTES
        if self._max_messages is not None:
            messages = min(messages, self._max_messages - len(listener.outstanding))
        if self._max_bytes is not None:
            held_bytes = sum(held.size_bytes for held in listener.outstanding.values())
            size_bytes = min(size_bytes, self._max_bytes - held_bytes)
        return Room(messages, size_bytes)

    async def _apply(self, request: Any, listener: Listener) -> None:
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("modify_deadline_seconds and modify_deadline_ack_ids differ in length.")
        if request.ack_ids:
            effects = await self._queues.acknowledge(self.name, request.ack_ids)
            self._confirm("acknowledge_confirmation", request.ack_ids, effects)
        if request.modify_deadline_ack_ids:
            changes = zip(
                request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
            )
            effects = await self._queues.modify_deadline(self.name, list(changes))
            self._confirm(
                "modify_ack_deadline_confirmation", request.modify_deadline_ack_ids, effects
            )
        if self._confirmations:
            listener.wake.set()

    def _confirm(self, kind: str, ack_ids: Sequence[str], effects: Effects) -> None:
        if effects.exactly_once:
            failed = set(effects.failed)
            confirmation = {
                "ack_ids": [ack_id for ack_id in ack_ids if ack_id not in failed],
                "invalid_ack_ids": effects.failed,
            }
            self._confirmations.append(Response(**{kind: confirmation}))


def _properties(subscription: Subscription) -> Any:
    return Response.SubscriptionProperties(
        exactly_once_delivery_enabled=subscription.enable_exactly_once_delivery,
        message_ordering_enabled=subscription.enable_message_ordering,
    )


def _checked_deadline(seconds: int) -> int:
    subscriptions.check_ack_deadline(seconds, MIN_ACK_DEADLINE_SECONDS)
    return seconds
