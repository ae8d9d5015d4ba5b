"""The queues as the calls see them: each step is committed, and whoever waits is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from localcloud.pubsub import leasing, messages, replay, settling
from localcloud.pubsub.leasing import Batch, Room
from localcloud.pubsub.ledger import Ledger, Transaction
from localcloud.pubsub.raw_messages import PubsubMessage as Message
from localcloud.pubsub.raw_messages import SeekRequest
from localcloud.pubsub.settling import Effects
from localcloud.pubsub.signals import Held, Signals

Clock = Callable[[], float]


class Queues:
    """Publishing, leasing and settling over one ledger.

    Parameters
    ----------
    clock
        Seconds since 1970.
    """

    def __init__(self, ledger: Ledger, signals: Signals, clock: Clock) -> None:
        self.ledger = ledger
        self.signals = signals
        self.clock = clock

    async def publish(self, topic: str, batch: Sequence[Message]) -> list[str]:
        """Store messages and return their ids once they are on disk."""
        ids, reached = await self.ledger.commit(
            lambda tx: messages.publish(tx, topic, batch, self.clock())
        )
        self.signals.announce(reached)
        return ids

    async def lease(
        self,
        subscription: str,
        room: Room,
        deadline_seconds: int | None = None,
    ) -> Batch:
        """Lease what is deliverable now.

        A caller that is cancelled meanwhile gives everything back at once: nobody received it.
        """
        taking = asyncio.ensure_future(
            self.ledger.commit(
                lambda tx: leasing.lease(tx, subscription, room, self.clock(), deadline_seconds)
            )
        )
        try:
            batch = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(lambda done: self._give_up(subscription, done))
            raise
        self._announce(batch.effects)
        return batch

    def release(self, subscription: str, held: Mapping[str, Held]) -> None:
        """Take back, in the background, what no client has confirmed to have received."""
        if not held:
            return
        taken = dict(held)
        released = self.ledger.submit(
            lambda tx: settling.release(tx, subscription, taken, self.clock())
        )
        released.add_done_callback(lambda done: self._announce(done.result()))

    async def acknowledge(self, subscription: str, ack_ids: Iterable[str]) -> Effects:
        """Settle leases for good."""
        return await self._settle(
            lambda tx: settling.acknowledge(tx, subscription, ack_ids, self.clock())
        )

    async def modify_deadline(
        self, subscription: str, changes: Iterable[tuple[str, int]]
    ) -> Effects:
        """Extend leases, or give messages back where the seconds are 0."""
        return await self._settle(
            lambda tx: settling.modify_deadline(tx, subscription, changes, self.clock())
        )

    async def seek(self, request: SeekRequest) -> None:
        """Move a subscription to a time or a snapshot."""
        await self._settle(lambda tx: replay.seek(tx, request, self.clock()))

    async def expire(self) -> None:
        """Give back every lease whose time is up."""
        await self._settle(lambda tx: settling.expire_all(tx, self.clock()))

    async def _settle(self, work: Callable[[Transaction], Effects]) -> Effects:
        effects = await self.ledger.commit(work)
        self._announce(effects)
        return effects

    def _announce(self, effects: Effects) -> None:
        if effects.subscriptions:
            self.signals.announce(effects.subscriptions, effects.settled)

    def _give_up(self, subscription: str, taking: asyncio.Future[Batch]) -> None:
        if not taking.cancelled() and taking.exception() is None:
            self.release(subscription, taking.result().held)
