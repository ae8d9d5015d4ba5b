"""A request's body: in memory while it is small, in a file that has no name once it is large."""

from __future__ import annotations

import asyncio
import mmap
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

# Also how much is written to the file at a time.
_MEMORY_BYTES = 4 << 20

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Disconnected(Exception):
    """The client left before it had sent the whole body."""


class Body:
    """The bytes of a request.

    A large body is a mapped file, so that handlers can look at any part of it without a copy; it
    is gone when nobody refers to it any more, and when the process dies.
    """

    def __init__(self, content: bytes | mmap.mmap = b"") -> None:
        self._content = content

    @property
    def view(self) -> memoryview:
        """The bytes without a copy."""
        return memoryview(self._content)

    def read(self) -> bytes:
        """Return the bytes; of a large body this is a copy in memory."""
        return self._content if isinstance(self._content, bytes) else self._content[:]

    def find(self, wanted: bytes, start: int, end: int | None = None) -> int:
        """Return where bytes occur first, -1 when nowhere."""
        return self._content.find(wanted, start, len(self) if end is None else end)

    def rfind(self, wanted: bytes) -> int:
        """Return where bytes occur last, -1 when nowhere."""
        return self._content.rfind(wanted)

    def __len__(self) -> int:
        return len(self._content)


async def receive_body(receive: Receive, executor: Executor, folder: Path | None) -> Body:
    """Read a request to its end (ASGI 3).

    Parameters
    ----------
    executor
        Threads that write the file.
    folder
        Where a large body is kept; the system's temporary folder when absent.

    Raises
    ------
    Disconnected
        When the client leaves first.
    """
    chunks: list[bytes] = []
    held_bytes = 0
    file: BinaryIO | None = None
    loop = asyncio.get_running_loop()
    with ExitStack() as resources:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunks.append(message.get("body", b""))
            held_bytes += len(chunks[-1])
            is_last = not message.get("more_body")
            if is_last and file is None:
                return Body(b"".join(chunks))
            if is_last or held_bytes > _MEMORY_BYTES:
                file = file or resources.enter_context(_unnamed_file(folder))
                await loop.run_in_executor(executor, _append, file, chunks)
                chunks, held_bytes = [], 0
            if is_last and file is not None:
                # The mapping outlives the descriptor that it was made of.
                return Body(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


def _unnamed_file(folder: Path | None) -> BinaryIO:
    return cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))


def _append(file: BinaryIO, chunks: list[bytes]) -> None:
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            rest = rest[file.write(rest) :]
