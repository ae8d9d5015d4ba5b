"""Which stored values are no image at all (PS3.3 C.7.5.1.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.pixels.attributes import declared


@dataclass(frozen=True)
class Padding:
    """Stored values from ``low`` to ``high``, both included, are padding."""

    low: int
    high: int

    def mask(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return where ``stored`` is padding."""
        mask: npt.NDArray[np.bool_] = (stored >= self.low) & (stored <= self.high)
        return mask


def padding_of(header: Dataset) -> Padding | None:
    """Return the padding that an image declares, or None where it declares none."""
    value = declared(header, "PixelPaddingValue")
    if value is None:
        return None
    ends = [
        _as_stored(int(end), header)
        for end in (value, declared(header, "PixelPaddingRangeLimit", value))
    ]
    return Padding(min(ends), max(ends))


def _as_stored(value: int, header: Dataset) -> int:
    # Writers mix up US and SS, so -2000 may arrive as 63536 and the other way round.
    span = 2 ** int(header.BitsAllocated)
    if header.get("PixelRepresentation") == 1:
        return value - span if value >= span // 2 else value
    return value + span if value < 0 else value
