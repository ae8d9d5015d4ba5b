"""Who waits for what: wakes pulls and streams when the ledger has something for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """One leased message: its size and the end of its lease, in seconds since 1970."""

    size_bytes: int
    until: float


class Listener:
    """One pull or stream: the leases it holds and the event that something has changed."""

    def __init__(self, client_id: str = "") -> None:
        self.client_id = client_id
        self.superseded = False
        """Whether the same client has opened a newer stream."""
        self.wake = asyncio.Event()
        self.outstanding: dict[str, Held] = {}
        """What was handed out and is not settled, by ack id."""

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
    def listen(self, subscription: str, client_id: str = "") -> Iterator[Listener]:
        """Register a listener for as long as the block runs.

        A client, where it names itself, has one: the older one learns that it is superseded.
        """
        listener = Listener(client_id)
        for other in self._listeners[subscription]:
            if client_id and other.client_id == client_id:
                other.superseded = True
                other.wake.set()
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
