"""StreamingPull: one stream of messages out, one of acknowledgements and extensions in.

Source: https://cloud.google.com/pubsub/docs/pull#streamingpull_api
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from google.pubsub_v1.types import pubsub

from localcloud.errors import GoogleError
from localcloud.pubsub import subscriptions
from localcloud.pubsub.errors import invalid
from localcloud.pubsub.leasing import Room
from localcloud.pubsub.limits import (
    MAX_MESSAGES_PER_RESPONSE,
    MAX_RESPONSE_BYTES,
    MIN_ACK_DEADLINE_SECONDS,
)
from localcloud.pubsub.queues import Queues
from localcloud.pubsub.signals import Listener

Response = pubsub.StreamingPullResponse.pb()
_MAX_WAIT_SECONDS = 30.0


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
        properties = await session.properties()
        # Answered at once: a client knows thereby that its stream stands.
        yield Response(subscription_properties=properties)
        reader = asyncio.create_task(session.read(first, requests))
        reader.add_done_callback(lambda _: listener.wake.set())
        try:
            while not reader.done():
                batch = await session.next_batch(listener)
                if listener.superseded:
                    queues.release(session.name, listener.outstanding)
                    raise GoogleError.of(503, "A newer stream of this client has taken over.")
                if batch:
                    yield Response(received_messages=batch, subscription_properties=properties)
            reader.result()
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

    async def properties(self) -> Any:
        subscription = await self._queues.ledger.commit(lambda tx: subscriptions.get(tx, self.name))
        return Response.SubscriptionProperties(
            message_ordering_enabled=subscription.enable_message_ordering
        )

    async def read(self, first: Any, requests: AsyncIterator[Any]) -> None:
        """Apply what the client sends until it has no more to say."""
        await self._apply(first)
        async for request in requests:
            if request.subscription:
                raise invalid("Only the first request of a stream may name its subscription.")
            if request.stream_ack_deadline_seconds:
                self._deadline_seconds = _checked_deadline(request.stream_ack_deadline_seconds)
            await self._apply(request)

    async def next_batch(self, listener: Listener) -> list[Any]:
        """Lease what flow control lets through; where there is nothing, wait and return empty."""
        listener.wake.clear()
        wait_seconds = _MAX_WAIT_SECONDS
        room = self._room(listener)
        if room.messages > 0 and room.size_bytes > 0:
            batch = await self._queues.lease(self.name, room, self._deadline_seconds)
            if batch.messages:
                listener.outstanding.update(batch.held)
                return list(batch.messages)
            if batch.next_at is not None:
                wait_seconds = min(wait_seconds, batch.next_at - self._queues.clock())
        await listener.wait(wait_seconds)
        return []

    def _room(self, listener: Listener) -> Room:
        messages, size_bytes = MAX_MESSAGES_PER_RESPONSE, MAX_RESPONSE_BYTES
        if self._max_messages is not None:
            messages = min(messages, self._max_messages - len(listener.outstanding))
        if self._max_bytes is not None:
            held_bytes = sum(held.size_bytes for held in listener.outstanding.values())
            size_bytes = min(size_bytes, self._max_bytes - held_bytes)
        return Room(messages, size_bytes)

    async def _apply(self, request: Any) -> None:
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("modify_deadline_seconds and modify_deadline_ack_ids differ in length.")
        if request.ack_ids:
            await self._queues.acknowledge(self.name, request.ack_ids)
        if request.modify_deadline_ack_ids:
            await self._queues.modify_deadline(
                self.name,
                list(
                    zip(
                        request.modify_deadline_ack_ids,
                        request.modify_deadline_seconds,
                        strict=True,
                    )
                ),
            )


def _checked_deadline(seconds: int) -> int:
    subscriptions.check_ack_deadline(seconds, MIN_ACK_DEADLINE_SECONDS)
    return seconds
