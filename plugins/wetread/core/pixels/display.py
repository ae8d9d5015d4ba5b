"""What decides the shade of a stored value, as one record; equal records share one table.

The order is normative (PS3.4 N.2): modality LUT, VOI, presentation; padding is painted black at the
end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from wetread.core.pixels.lookup import LookupTable
from wetread.core.pixels.modality import Rescale
from wetread.core.pixels.padding import Padding
from wetread.core.pixels.voi import Voi

Shades = npt.NDArray[np.uint8]

_BYTE = 255
_TABLES_KEPT = 32
"""Tables of 64 KiB; the slices of a CT series share one, those of an MR series may not."""
_WHOLE_PIXELS = 2**19
_PIECE_PIXELS = 2**14
"""A larger picture is looked up in pieces that stay in a core's cache."""


@dataclass(frozen=True)
class GreyDisplay:
    """How a grey image is shown on a screen."""

    modality: Rescale | LookupTable
    voi: Voi
    is_inverted: bool
    padding: Padding | None

    def shade(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return the shades, 0 (black) to 255, of stored values of any shape."""
        is_short = stored.dtype.itemsize <= 2 and stored.dtype.kind in "iu"
        if not is_short or not stored.size:
            return self._compute(stored)
        # Equal stored values have equal shades: each value is shaded once and then looked up.
        table = _table(self, *_reach(int(stored.min()), int(stored.max())))
        return _looked_up(table, stored.astype(np.uint16, copy=False))

    def _compute(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        brightness = self.voi.apply(self.modality.apply(stored.astype(np.float64)))
        if self.is_inverted:
            brightness = 1 - brightness
        brightness = np.nan_to_num(brightness, nan=0)
        if self.padding is not None:
            brightness[self.padding.mask(stored)] = 0
        return np.rint(brightness * _BYTE).astype(np.uint8)


def _looked_up(table: Shades, index: npt.NDArray[np.uint16]) -> Shades:
    """Look values up piece by piece, as numpy makes eight bytes of each before it does."""
    if index.size <= _WHOLE_PIXELS:
        return np.take(table, index)
    shades = np.empty(index.shape, np.uint8)
    flat, out = index.reshape(-1), shades.reshape(-1)
    for start in range(0, flat.size, _PIECE_PIXELS):
        piece = slice(start, start + _PIECE_PIXELS)
        np.take(table, flat[piece], out=out[piece], mode="wrap")
    return shades


def _reach(low: int, high: int) -> tuple[int, int]:
    """Widen a range to powers of two, so that alike frames share a table."""
    lowest = -1 << (-low - 1).bit_length() if low < 0 else 0
    highest = (1 << high.bit_length()) - 1 if high >= 0 else -1
    return lowest, highest


@lru_cache(maxsize=_TABLES_KEPT)
def _table(display: GreyDisplay, low: int, high: int) -> npt.NDArray[np.uint8]:
    """Return the shade of each 16-bit pattern; negative values take theirs in two's complement."""
    values = np.arange(low, high + 1)
    table = np.zeros(2**16, np.uint8)
    table[values.astype(np.uint16)] = display._compute(values)
    table.setflags(write=False)
    return table
