"""Files gathered into batches: what shares a transaction and is in memory at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

_BATCH_FILES = 16
_BATCH_BYTES = 64 << 20
_File = TypeVar("_File", bound=Sized)


def batches(files: Iterable[_File]) -> Iterator[list[_File]]:
    """Gather files, at most a bounded number and, but for the last one, a bounded size.

    The length of a file is its size in bytes.
    """
    batch: list[_File] = []
    size_bytes = 0
    for file in files:
        batch.append(file)
        size_bytes += len(file)
        if len(batch) == _BATCH_FILES or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
