"""From stored values to values with a physical meaning, such as Hounsfield units (PS3.3 C.11.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import XRayAngiographicImageStorage, XRayRadiofluoroscopicImageStorage

from wetread.core.pixels.attributes import declared
from wetread.core.pixels.lookup import LookupTable, lookup_table

_FLUOROSCOPIC = frozenset({XRayAngiographicImageStorage, XRayRadiofluoroscopicImageStorage})
_DISPLAYED_AS_STORED = frozenset({"LOG", "DISP"})
"""Values of Pixel Intensity Relationship (0028,1040) that need no Modality LUT to be seen."""


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
    if header.get("ModalityLUTSequence") and not _leads_back_to_intensity(header):
        return lookup_table(
            header.ModalityLUTSequence[0],
            is_little_endian=bool(header.original_encoding[1]),
            is_signed=header.get("PixelRepresentation") == 1,
        )
    return Rescale(
        float(declared(header, "RescaleSlope", 1)), float(declared(header, "RescaleIntercept", 0))
    )


def _leads_back_to_intensity(header: Dataset) -> bool:
    """Whether the Modality LUT is there to measure by, not to look through.

    Of a fluoroscopic image that is stored as it shall be seen, the table leads back to the X-ray
    intensity (PS3.3 C.8.7.1.1.2, PS3.4 figure N.2-1).
    """
    relationship = str(header.get("PixelIntensityRelationship", "")).upper()
    return header.get("SOPClassUID") in _FLUOROSCOPIC and relationship in _DISPLAYED_AS_STORED
