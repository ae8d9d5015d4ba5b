"""Push: posts the messages of push subscriptions to their endpoints.

Each push subscription has a task that leases what its window lets through and settles each message
by its endpoint's answer. All that matters lies in the queues: a task that dies loses nothing.
Source: https://cloud.google.com/pubsub/docs/push
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from dataclasses import dataclass
from typing import Any

from localcloud.errors import GoogleError
from localcloud.pubsub import limits, push_client, settling, subscriptions
from localcloud.pubsub.leasing import Batch, Room
from localcloud.pubsub.ledger import Transaction
from localcloud.pubsub.push_request import push_request
from localcloud.pubsub.queues import Queues
from localcloud.pubsub.raw_messages import Subscription
from localcloud.pubsub.signals import Listener

_LOG = logging.getLogger(__name__)
_ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})
_IDLE_SECONDS = 30.0
_FAULT_PAUSE_SECONDS = 1.0


@dataclass
class Window:
    """How many pushes may be under way, and how long to hold back after refusals.

    It doubles within each round of successes and halves with a failure. Refusals in a row make
    the pause before the next push grow from 100 ms to 60 s. Where connections queue up it halves,
    too, and from then on grows by one in a round.
    Source: https://cloud.google.com/pubsub/docs/push#push_backoff
    """

    size: float = limits.FIRST_PUSH_WINDOW
    threshold: float = limits.MAX_PUSH_WINDOW
    """From where on the window grows slowly."""
    failures: int = 0
    resume_at: float = 0.0

    def succeeded(self) -> None:
        """Open by one for each success, which doubles the window within one round."""
        growth = 1.0 if self.size < self.threshold else 1.0 / self.size
        self.size = min(self.size + growth, limits.MAX_PUSH_WINDOW)
        self.failures = 0
        self.resume_at = 0.0

    def congested(self) -> None:
        """Close by half, to what the endpoint took before connections queued up."""
        self.threshold = self.size = max(limits.FIRST_PUSH_WINDOW, self.size / 2)

    def failed(self, now: float) -> None:
        """Close by half and pause; failures of one round count once."""
        if now < self.resume_at:
            return
        self.size = max(1.0, self.size / 2)
        # The exponent is capped where the longest pause has long been reached.
        pause = limits.MIN_PUSH_BACKOFF_SECONDS * 2.0 ** min(self.failures, 16)
        self.resume_at = now + min(pause, limits.MAX_PUSH_BACKOFF_SECONDS)
        self.failures += 1


class Pushes:
    """The pushing of all push subscriptions. Belongs to one event loop."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._pushing: dict[str, _Push] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Go on with what an earlier run of the server was pushing."""
        for subscription in await self._queues.ledger.commit(self._resume):
            self.refresh(subscription)

    async def stop(self) -> None:
        """Stop pushing; what is under way is pushed again by the next run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def refresh(self, subscription: Subscription) -> None:
        """Follow a change of a subscription: begin to push it, or let its task see and end."""
        name = subscription.name
        if name in self._pushing:
            self._pushing[name].changed = True
        # Whoever pulls learns thereby that it may not any more.
        self._queues.signals.announce([name])
        if name in self._pushing or not subscriptions.is_pushed(subscription):
            return
        self._pushing[name] = _Push(self._queues, name)
        task = asyncio.create_task(self._run(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, name: str) -> None:
        push = self._pushing[name]
        try:
            await push.run()
            # At once: a subscription that is pushed again must find no task that is ending.
            del self._pushing[name]
            await push.finish()
        finally:
            push.cancel()

    def _resume(self, tx: Transaction) -> list[Subscription]:
        names = tx.execute("SELECT name FROM pubsub_subscriptions").fetchall()
        found = [subscriptions.get(tx, row["name"]) for row in names]
        pushed = [subscription for subscription in found if subscriptions.is_pushed(subscription)]
        for subscription in pushed:
            # Whoever pushed these is gone; waiting for their deadlines would serve nobody.
            settling.release_all(tx, subscription.name, self._queues.clock())
        return pushed


class _Push:
    """The pushing of one subscription, for as long as it is a push subscription."""

    def __init__(self, queues: Queues, name: str) -> None:
        self.changed = False
        """Whether the subscription may have changed since it was last read."""
        self._queues = queues
        self._name = name
        self._window = Window()
        self._under_way: set[asyncio.Task[None]] = set()
        self._under_way_bytes = 0

    async def run(self) -> None:
        with self._queues.signals.listen(self._name) as listener:
            while await self._step(listener):
                pass

    async def finish(self) -> None:
        """Wait for the answers of what is under way, which no longer depend on the subscription."""
        await asyncio.gather(*self._under_way)

    def cancel(self) -> None:
        """Give up what is under way; its leases bring it back."""
        for task in self._under_way:
            task.cancel()

    async def _step(self, listener: Listener) -> bool:
        """Push what may be pushed, then wait for a change; False once there is nothing to do."""
        listener.wake.clear()
        self.changed = False
        wait_seconds = _IDLE_SECONDS
        now = self._queues.clock()
        room = Room(
            int(self._window.size) - len(self._under_way),
            limits.MAX_PUSHED_BYTES - self._under_way_bytes,
            pushed=True,
        )
        if now < self._window.resume_at:
            wait_seconds = self._window.resume_at - now
        elif room.messages > 0 and room.size_bytes > 0:
            try:
                batch = await self._queues.lease(self._name, room)
            except GoogleError:
                # Deleted, detached or pulled; unless it changed again while this was found out.
                return self.changed
            except sqlite3.Error:
                _LOG.exception("Pub/Sub could not lease messages of %s to push them", self._name)
                await asyncio.sleep(_FAULT_PAUSE_SECONDS)
                return True
            for received in batch.messages:
                self._begin(batch, received, listener)
            if batch.messages:
                return True
            if batch.next_at is not None:
                wait_seconds = min(wait_seconds, batch.next_at - now)
        await listener.wait(wait_seconds)
        return True

    def _begin(self, batch: Batch, received: Any, listener: Listener) -> None:
        size_bytes = batch.held[received.ack_id].size_bytes
        task = asyncio.create_task(self._deliver(batch.subscription, received))
        self._under_way.add(task)
        self._under_way_bytes += size_bytes

        def ended(_: object) -> None:
            self._under_way.discard(task)
            self._under_way_bytes -= size_bytes
            listener.wake.set()

        task.add_done_callback(ended)

    async def _deliver(self, subscription: Subscription, received: Any) -> None:
        clock = self._queues.clock
        request = push_request(subscription, received, clock())
        outcome = await push_client.post(request, float(subscription.ack_deadline_seconds))
        if outcome.congested:
            self._window.congested()
        try:
            if outcome.status in _ACKNOWLEDGING:
                self._window.succeeded()
                await self._queues.acknowledge(self._name, [received.ack_id])
            else:
                self._window.failed(clock())
                await self._queues.modify_deadline(self._name, [(received.ack_id, 0)])
        except GoogleError:
            # The subscription was deleted meanwhile, and its messages with it.
            return
        except sqlite3.Error:
            _LOG.exception("Pub/Sub could not settle a push of %s", self._name)
