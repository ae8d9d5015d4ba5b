"""Bytes as a file to read, without a copy of them."""

from __future__ import annotations

import io
import zlib

# What a deflated dataset may grow to: the header is held in memory, the pixel data only counted.
MAX_INFLATED_BYTES = 512 << 20
MAX_INFLATED_HEADER_BYTES = 32 << 20
_STEP_BYTES = 1 << 20


class TooLarge(Exception):
    """A deflated dataset that grows beyond all bounds."""


class ByteView:
    """The reading half of a binary file over bytes that belong to somebody else.

    Parameters
    ----------
    size
        How long the file claims to be, where only its beginning is given.
    """

    def __init__(self, view: memoryview, size: int | None = None) -> None:
        self._view = view
        self._position = 0
        self.size = len(view) if size is None else size

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes, fewer at the end."""
        end = len(self._view) if count < 0 else self._position + count
        data = self._view[self._position : end].tobytes()
        self._position += len(data)
        return data

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position


def inflated(view: memoryview) -> ByteView:
    """Return the beginning of a deflated dataset, having inflated all of it once.

    Raises
    ------
    TooLarge
        When it grows beyond ``MAX_INFLATED_BYTES``.
    zlib.error
        When it is damaged.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    head = bytearray()
    size = 0
    data: bytes | memoryview = view
    while not inflater.eof:
        piece = inflater.decompress(data, _STEP_BYTES)
        data = inflater.unconsumed_tail
        if not piece:
            break
        size += len(piece)
        if size > MAX_INFLATED_BYTES:
            raise TooLarge
        head += piece[: MAX_INFLATED_HEADER_BYTES - len(head)]
    return ByteView(memoryview(bytes(head)), size)
