"""Which stored values are no image at all (PS3.3 C.7.5.1.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.pixels.attributes import declared

_FLOATING = ("Float", "DoubleFloat")
"""What the attributes for floating point pixels begin with."""


@dataclass(frozen=True)
class Padding:
    """Stored values from ``low`` to ``high``, both included, are padding."""

    low: float
    high: float

    def mask(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return where ``stored`` is padding."""
        mask: npt.NDArray[np.bool_] = (stored >= self.low) & (stored <= self.high)
        return mask


def padding_of(header: Dataset) -> Padding | None:
    """Return the padding that an image declares, or None where it declares none."""
    for prefix in _FLOATING:
        value = declared(header, f"{prefix}PixelPaddingValue")
        if value is not None:
            limit = declared(header, f"{prefix}PixelPaddingRangeLimit", value)
            return _between(float(value), float(limit))
    value = declared(header, "PixelPaddingValue")
    if value is None:
        return None
    limit = declared(header, "PixelPaddingRangeLimit", value)
    return _between(_as_stored(int(value), header), _as_stored(int(limit), header))


def _between(value: float, limit: float) -> Padding:
    return Padding(min(value, limit), max(value, limit))


def _as_stored(value: int, header: Dataset) -> int:
    # Writers mix up US and SS, so -2000 may arrive as 63536 and the other way round.
    span = 2 ** int(header.BitsAllocated)
    if header.get("PixelRepresentation") == 1:
        return value - span if value >= span // 2 else value
    return value + span if value < 0 else value
