"""How many requests are worked on at a time, and how many may wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from modelserver.errors import RequestError


class Gate:
    """Lets ``running`` requests in and ``waiting`` ones queue; refuses what comes on top."""

    def __init__(self, running: int, waiting: int) -> None:
        self._slots = anyio.Semaphore(running)
        self._admitted = 0
        self._capacity = running + waiting

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Hold a slot while the block lasts.

        Raises
        ------
        RequestError
            429: the queue is full.
        """
        if self._admitted >= self._capacity:
            raise RequestError(429, "The model server is busy; try again later.")
        self._admitted += 1
        try:
            async with self._slots:
                yield
        finally:
            self._admitted -= 1
