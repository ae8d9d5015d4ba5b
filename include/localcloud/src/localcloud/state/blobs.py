"""Content-addressed files: equal bytes are stored once, and a name is a promise of its content."""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

_CHUNK_BYTES = 1 << 20
_FOLDERS = 256


@dataclass(frozen=True)
class Blob:
    """What is known of stored bytes; checksums are base64 as in Google's APIs.

    ``crc32c_b64`` is of the big-endian 32-bit value.
    Source: https://cloud.google.com/storage/docs/data-validation
    """

    sha256: str
    size: int
    md5_b64: str
    crc32c_b64: str


@dataclass(frozen=True)
class Staged:
    """Bytes that are on disk under a name of no meaning, to be kept or dropped."""

    temporary: Path
    sha256: str
    size: int


class Blobs:
    """A folder of files named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        # All of them at once, so that no write must wait for the entry of a folder.
        for number in range(_FOLDERS):
            (folder / f"{number:02x}").mkdir(exist_ok=True)
        _sync_folder(folder)

    def put(self, data: bytes | memoryview) -> Blob:
        """Store bytes; they are on disk when this returns."""
        pieces = range(0, len(data), _CHUNK_BYTES)
        return self.put_stream(data[start : start + _CHUNK_BYTES] for start in pieces)

    def put_stream(self, chunks: Iterable[bytes | memoryview]) -> Blob:
        """Store a stream of bytes; they are on disk when this returns."""
        temporary = self._incoming / uuid.uuid4().hex
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        crc32c, size = google_crc32c.Checksum(), 0
        try:
            with temporary.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                    sha256.update(chunk)
                    md5.update(chunk)
                    crc32c.update(bytes(chunk))
                    size += len(chunk)
                blob = Blob(sha256.hexdigest(), size, _b64(md5.digest()), _b64(crc32c.digest()))
                self._commit(temporary, file.fileno(), self.path(blob.sha256), file.flush)
        finally:
            temporary.unlink(missing_ok=True)
        return blob

    def stage(self, data: bytes | memoryview) -> Staged:
        """Write bytes to disk without storing them yet; any thread may do so.

        With ``keep`` this makes many blobs durable with few waits for the disk.
        """
        temporary = self._incoming / uuid.uuid4().hex
        try:
            with temporary.open("wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fdatasync(file.fileno())
        except OSError:
            # A disk that is full must not stay so for a part of what did not fit.
            temporary.unlink(missing_ok=True)
            raise
        return Staged(temporary, hashlib.sha256(data).hexdigest(), len(data))

    def keep(self, staged: Sequence[Staged]) -> None:
        """Store what is staged; it is there after a power cut when this returns."""
        folders: set[Path] = set()
        for item in staged:
            final = self.path(item.sha256)
            if final.exists():
                item.temporary.unlink()
            else:
                item.temporary.rename(final)
            # Also where it was there: whoever stored it may not have come to this yet.
            folders.add(final.parent)
        for folder in sorted(folders):
            _sync_folder(folder)

    def read(self, sha256: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return bytes ``start`` (inclusive) to ``end`` (exclusive) of a blob."""
        with self.path(sha256).open("rb") as file:
            file.seek(start or 0)
            return file.read() if end is None else file.read(max(0, end - (start or 0)))

    def chunks(self, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """Iterate over the same bytes in pieces of at most 1 MiB."""
        with self.path(sha256).open("rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(_CHUNK_BYTES, end - start))):
                start += len(chunk)
                yield chunk

    def path(self, sha256: str) -> Path:
        """Return the file of a blob, stored or not."""
        return self._folder / sha256[:2] / sha256

    def sweep(self, keep: Collection[str]) -> int:
        """Remove every blob that is not in ``keep``; only safe while nothing is written.

        Returns the number of blobs removed.
        """
        unwanted = [path for path in self._folder.glob("??/*") if path.name not in keep]
        for path in unwanted:
            path.unlink()
        return len(unwanted)

    def _commit(
        self, temporary: Path, descriptor: int, final: Path, flush: Callable[[], None]
    ) -> None:
        if final.exists():
            # Whoever stored it may not have come to this yet.
            _sync_folder(final.parent)
            return
        flush()
        os.fsync(descriptor)
        temporary.rename(final)
        _sync_folder(final.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
