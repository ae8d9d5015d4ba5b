"""From stored values to values with a physical meaning, such as Hounsfield units (PS3.3 C.11.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.pixels.lookup import lookup_table


def modality_values(stored: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.float64]:
    """Apply the Modality LUT, else the rescale, else nothing.

    Parameters
    ----------
    header : from :func:`wetread.core.pixels.attributes.display_attributes`
    """
    values = stored.astype(np.float64)
    if header.get("ModalityLUTSequence"):
        table = lookup_table(
            header.ModalityLUTSequence[0],
            is_little_endian=bool(header.original_encoding[1]),
            is_signed=header.get("PixelRepresentation") == 1,
        )
        return table.apply(values)
    slope = float(header.get("RescaleSlope", 1))
    intercept = float(header.get("RescaleIntercept", 0))
    return values * slope + intercept
