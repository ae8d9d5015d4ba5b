"""Which stored values are no image at all (PS3.3 C.7.5.1.1.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset


def padding_mask(stored: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.bool_] | None:
    """Return where ``stored`` is padding, or None where the image declares none."""
    value = header.get("PixelPaddingValue")
    if value is None:
        return None
    ends = [
        _as_stored(int(end), header) for end in (value, header.get("PixelPaddingRangeLimit", value))
    ]
    mask: npt.NDArray[np.bool_] = (stored >= min(ends)) & (stored <= max(ends))
    return mask


def _as_stored(value: int, header: Dataset) -> int:
    # Writers mix up US and SS, so -2000 may arrive as 63536 and the other way round.
    span = 2 ** int(header.BitsAllocated)
    if header.get("PixelRepresentation") == 1:
        return value - span if value >= span // 2 else value
    return value + span if value < 0 else value
