"""Files gathered into batches: what shares a transaction and is in memory at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_BATCH_FILES = 16
_BATCH_BYTES = 64 << 20


def batches(files: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Gather files, at most a bounded number and, but for the last one, a bounded size."""
    batch: list[bytes] = []
    size_bytes = 0
    for file in files:
        batch.append(file)
        size_bytes += len(file)
        if len(batch) == _BATCH_FILES or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
