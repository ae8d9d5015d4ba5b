"""How a picture is cut for a detector of text that knows letters of one range of sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TILE_PX = 640
"""A tile's longest side: what a detector holds in memory grows with its area, about 150 MiB here."""
STRIDE_PX = 32
"""A tile's sides are multiples of this, as the network halves its input five times."""

_OVERLAP_PX = 64
"""More than the height of a line, so that each line is whole in height in some tile."""
_ENLARGED_UP_TO_PX = 1280
_ENLARGEMENT = 2
"""Letters of 10 pixels, the smallest that scanners burn in, are missed at their own size."""


@dataclass(frozen=True)
class Tile:
    """Pixels of the scaled picture."""

    top: int
    left: int
    rows: int
    columns: int


def enlargement(shape: tuple[int, int]) -> int:
    """Return by how much a picture of (rows, columns) is enlarged before text is looked for.

    Large pictures come from systems that burn in larger letters.
    """
    return _ENLARGEMENT if max(shape) <= _ENLARGED_UP_TO_PX else 1


def padded(length_px: int) -> int:
    """Return the length of a side after padding."""
    return -(-length_px // STRIDE_PX) * STRIDE_PX


def tiles(rows: int, columns: int) -> Iterator[Tile]:
    """Cut a picture with padded sides into overlapping tiles of one size that cover it."""
    for top, height in _spans(rows):
        for left, width in _spans(columns):
            yield Tile(top, left, height, width)


def _spans(length_px: int) -> Iterator[tuple[int, int]]:
    count = max(1, -(-(length_px - _OVERLAP_PX) // (TILE_PX - _OVERLAP_PX)))
    size_px = padded(-(-(length_px + (count - 1) * _OVERLAP_PX) // count))
    for number in range(count):
        yield number * (length_px - size_px) // max(count - 1, 1), size_px
