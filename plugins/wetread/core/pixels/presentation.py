"""Whether the largest value is black or white (PS3.3 C.11.6, C.7.6.3.1.2)."""

from __future__ import annotations

from pydicom import Dataset

from wetread.core.pixels.attributes import declared


def is_inverted(header: Dataset) -> bool:
    """Return whether low values are bright; Presentation LUT Shape outranks MONOCHROME1."""
    shape = declared(header, "PresentationLUTShape")
    if shape:
        return str(shape).upper() == "INVERSE"
    return str(header.get("PhotometricInterpretation")) == "MONOCHROME1"
