"""Who waits for what: wakes pulls and streams when the ledger has something for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Listener:
    """One pull or stream: the leases it holds and the event that something has changed."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.outstanding: dict[str, int] = {}
        """Size in bytes of each message handed out and not settled, by its ack id."""

    async def wait(self, timeout_seconds: float) -> None:
        """Return at the next change, or after the time at the latest."""
        try:
            async with asyncio.timeout(max(0.0, timeout_seconds)):
                await self.wake.wait()
        except TimeoutError:
            return


class Signals:
    """Listeners by subscription. Belongs to one event loop; `announce` is for any thread."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop that the listeners live on."""
        self._loop = loop

    @contextmanager
    def listen(self, subscription: str) -> Iterator[Listener]:
        """Register a listener for as long as the block runs."""
        listener = Listener()
        self._listeners[subscription].add(listener)
        try:
            yield listener
        finally:
            self._listeners[subscription].discard(listener)
            if not self._listeners[subscription]:
                del self._listeners[subscription]

    def announce(self, subscriptions: Iterable[str], settled: Iterable[str] = ()) -> None:
        """Tell that these subscriptions changed and that these ack ids are no longer leased."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(
                self._apply, frozenset(subscriptions), frozenset(settled)
            )

    def _apply(self, subscriptions: frozenset[str], settled: frozenset[str]) -> None:
        for subscription in subscriptions:
            for listener in self._listeners.get(subscription, ()):
                for ack_id in settled & listener.outstanding.keys():
                    del listener.outstanding[ack_id]
                listener.wake.set()
