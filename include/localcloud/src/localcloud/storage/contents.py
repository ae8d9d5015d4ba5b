"""The content of objects: small content lies in the database, large content in files.

A small object then costs one wait for the disk, that of its row, where a file costs three.
Source: https://www.sqlite.org/fasterthanfs.html
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import google_crc32c

from localcloud.state.blobs import Blob, Blobs
from localcloud.state.database import Database

_MAX_SMALL_BYTES = 64 << 10
_HELD = (
    "SELECT sha256 FROM objects UNION SELECT sha256 FROM soft_deleted"
    " UNION SELECT sha256 FROM parts"
)
_DROP_UNUSED = (
    "DELETE FROM small_contents WHERE sha256 NOT IN"
    " (SELECT sha256 FROM objects UNION SELECT sha256 FROM soft_deleted)"
)


@dataclass(frozen=True)
class SmallBlob(Blob):
    """Content that is stored with the row that names it."""

    content: bytes


class Contents:
    """Stores and reads content by its SHA-256."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def put(self, data: memoryview) -> Blob:
        """Take bytes; large ones are on disk when this returns, small ones after ``keep``."""
        if len(data) > _MAX_SMALL_BYTES:
            return self._blobs.put(data)
        content = bytes(data)
        checksum = google_crc32c.Checksum(content)
        return SmallBlob(
            hashlib.sha256(content).hexdigest(),
            len(content),
            _base64(hashlib.md5(content, usedforsecurity=False).digest()),
            _base64(checksum.digest()),
            content,
        )

    def put_stream(self, chunks: Iterable[bytes]) -> Blob:
        """Store a stream of bytes; they are on disk when this returns."""
        return self._blobs.put_stream(chunks)

    def keep(self, tx: sqlite3.Connection, blob: Blob) -> None:
        """Store small content in the transaction of the row that names it."""
        if isinstance(blob, SmallBlob):
            tx.execute(
                "INSERT OR IGNORE INTO small_contents VALUES (?, ?)", (blob.sha256, blob.content)
            )

    def read(self, sha256: str, start: int = 0, end: int | None = None) -> bytes:
        """Return bytes ``start`` (inclusive) to ``end`` (exclusive)."""
        small = self._small(sha256)
        return self._blobs.read(sha256, start, end) if small is None else small[start:end]

    def chunks(self, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """Iterate over the same bytes in pieces of at most 1 MiB."""
        if (small := self._small(sha256)) is None:
            yield from self._blobs.chunks(sha256, start, end)
        else:
            yield small[start:end]

    def sweep(self) -> None:
        """Remove what no object holds; only safe while nothing is written."""
        rows = self._database.read(_HELD)
        self._blobs.sweep({row["sha256"] for row in rows})
        with self._database.write() as tx:
            tx.execute(_DROP_UNUSED)

    def _small(self, sha256: str) -> bytes | None:
        rows = self._database.read("SELECT content FROM small_contents WHERE sha256 = ?", (sha256,))
        return rows[0]["content"] if rows else None


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
