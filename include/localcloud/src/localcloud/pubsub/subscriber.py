"""google.pubsub.v1.Subscriber, but for the body of StreamingPull."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty

from localcloud.pubsub import subscriptions
from localcloud.pubsub.errors import failed_ack_ids, invalid
from localcloud.pubsub.leasing import Room
from localcloud.pubsub.limits import MAX_ACK_REQUEST_BYTES, PULL_WAIT_SECONDS
from localcloud.pubsub.push import Pushes
from localcloud.pubsub.queues import Queues
from localcloud.pubsub.raw_messages import ListSubscriptionsResponse, PullResponse, SeekResponse
from localcloud.pubsub.rpc import serves
from localcloud.pubsub.streaming import stream


class SubscriberService:
    """Subscriptions, pulling and settling, as remote procedures."""

    def __init__(self, queues: Queues, pushes: Pushes) -> None:
        self._queues = queues
        self._ledger = queues.ledger
        self._pushes = pushes

    @serves("CreateSubscription")
    async def create_subscription(self, request: Any, _: object) -> Any:
        """Create a subscription; the request is the subscription."""
        created = await self._ledger.commit(lambda tx: subscriptions.create(tx, request))
        self._pushes.refresh(created)
        return created

    @serves("GetSubscription")
    async def get_subscription(self, request: Any, _: object) -> Any:
        """Read a subscription."""
        return await self._ledger.commit(lambda tx: subscriptions.get(tx, request.subscription))

    @serves("UpdateSubscription")
    async def update_subscription(self, request: Any, _: object) -> Any:
        """Change fields of a subscription."""
        updated = await self._ledger.commit(
            lambda tx: subscriptions.update(tx, request.subscription, request.update_mask.paths)
        )
        self._pushes.refresh(updated)
        return updated

    @serves("ModifyPushConfig")
    async def modify_push_config(self, request: Any, _: object) -> Any:
        """Switch a subscription between pushing and pulling, or to another endpoint."""
        updated = await self._ledger.commit(
            lambda tx: subscriptions.modify_push_config(
                tx, request.subscription, request.push_config
            )
        )
        self._pushes.refresh(updated)
        return Empty()

    @serves("ListSubscriptions")
    async def list_subscriptions(self, request: Any, _: object) -> Any:
        """List a project's subscriptions."""
        found, token = await self._ledger.commit(
            lambda tx: subscriptions.list_page(
                tx, request.project, request.page_size, request.page_token
            )
        )
        return ListSubscriptionsResponse(subscriptions=found, next_page_token=token)

    @serves("DeleteSubscription")
    async def delete_subscription(self, request: Any, _: object) -> Any:
        """Delete a subscription; its pulls and streams end with NOT_FOUND."""
        await self._ledger.commit(lambda tx: subscriptions.delete(tx, request.subscription))
        self._queues.signals.announce([request.subscription])
        return Empty()

    @serves("Pull")
    async def pull(self, request: Any, _: object) -> Any:
        """Answer as soon as there is a message, or empty after a bounded wait.

        A client whose own deadline is shorter sees DEADLINE_EXCEEDED, as on Google; the call is
        cancelled then and nothing stays leased to it.
        """
        return await self.pull_within(request, PULL_WAIT_SECONDS)

    async def pull_within(self, request: Any, wait_seconds: float) -> Any:
        """Pull with a wait of one's own choice."""
        if request.max_messages < 1:
            raise invalid(f"Invalid max messages given: {request.max_messages}.")
        room = Room(request.max_messages)
        loop = asyncio.get_running_loop()
        end = loop.time() + (0.0 if request.return_immediately else wait_seconds)
        with self._queues.signals.listen(request.subscription) as listener:
            while True:
                listener.wake.clear()
                batch = await self._queues.lease(request.subscription, room)
                left_seconds = end - loop.time()
                if batch.messages or left_seconds <= 0:
                    return PullResponse(received_messages=batch.messages)
                if batch.next_at is not None:
                    left_seconds = min(left_seconds, batch.next_at - self._queues.clock())
                await listener.wait(left_seconds)

    @serves("Acknowledge")
    async def acknowledge(self, request: Any, _: object) -> Any:
        """Settle messages for good."""
        _check_ack_ids(request)
        effects = await self._queues.acknowledge(request.subscription, request.ack_ids)
        if effects.failed:
            raise failed_ack_ids(effects.failed)
        return Empty()

    @serves("ModifyAckDeadline")
    async def modify_ack_deadline(self, request: Any, _: object) -> Any:
        """Extend leases, or give messages back with 0 seconds."""
        _check_ack_ids(request)
        seconds = request.ack_deadline_seconds
        subscriptions.check_ack_deadline(seconds, lowest=0)
        effects = await self._queues.modify_deadline(
            request.subscription, [(ack_id, seconds) for ack_id in request.ack_ids]
        )
        if effects.failed:
            raise failed_ack_ids(effects.failed)
        return Empty()

    @serves("Seek")
    async def seek(self, request: Any, _: object) -> Any:
        """Replay or purge messages."""
        await self._queues.seek(request)
        return SeekResponse()

    @serves("StreamingPull")
    async def streaming_pull(self, requests: AsyncIterator[Any], _: object) -> AsyncIterator[Any]:
        """Deliver messages as they come, within the client's flow control."""
        async for response in stream(self._queues, requests):
            yield response


def _check_ack_ids(request: Any) -> None:
    """Raise INVALID_ARGUMENT for a request without ack ids or beyond the documented size."""
    if not request.ack_ids:
        raise invalid("No ack ids specified.")
    if request.ByteSize() > MAX_ACK_REQUEST_BYTES:
        raise invalid(
            f"Request payload size exceeds the limit: {MAX_ACK_REQUEST_BYTES} bytes. "
            "Send the ack ids in several requests."
        )
