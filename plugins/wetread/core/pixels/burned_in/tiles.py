"""How a picture is cut for a detector of text that knows letters of one range of sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TILE_PX = 640
"""A tile's longest side: the memory that a detector takes grows with the area."""
STRIDE_PX = 32
"""A tile's sides are multiples of this, as the network halves its input five times."""

_OVERLAP_PX = 64
"""More than the height of a line, so that each line is whole in height in some tile."""
_SCALES: tuple[tuple[int, tuple[float, ...]], ...] = ((400, (3, 1.5)), (1280, (2, 1)))
_SCALES_LARGE = (1, 0.5)
"""The scales for pictures whose longer side is up to so many pixels, and for larger ones."""


@dataclass(frozen=True)
class Tile:
    """Pixels of the scaled picture."""

    top: int
    left: int
    rows: int
    columns: int


def scales(shape: tuple[int, int]) -> tuple[float, ...]:
    """Return the scales at which text is looked for in a picture of (rows, columns).

    Letters of 10 pixels, the smallest that scanners burn in, are missed at their own size, and
    letters of 30 pixels when they are enlarged. Large pictures come from systems with larger
    letters.
    """
    longest = max(shape)
    return next((scales for limit, scales in _SCALES if longest <= limit), _SCALES_LARGE)


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
