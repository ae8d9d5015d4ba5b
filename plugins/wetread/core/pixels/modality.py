"""From stored values to values with a physical meaning, such as Hounsfield units (PS3.3 C.11.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.pixels.attributes import declared
from wetread.core.pixels.lookup import LookupTable, lookup_table


@dataclass(frozen=True)
class Rescale:
    """The line of the Rescale Slope (0028,1053) and Intercept (0028,1052)."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return inputs * self.slope + self.intercept


def modality_transform(header: Dataset) -> Rescale | LookupTable:
    """Return the Modality LUT, else the rescale, else one that changes nothing.

    Parameters
    ----------
    header : from :func:`wetread.core.pixels.attributes.display_attributes`
    """
    if header.get("ModalityLUTSequence"):
        return lookup_table(
            header.ModalityLUTSequence[0],
            is_little_endian=bool(header.original_encoding[1]),
            is_signed=header.get("PixelRepresentation") == 1,
        )
    return Rescale(
        float(declared(header, "RescaleSlope", 1)), float(declared(header, "RescaleIntercept", 0))
    )
