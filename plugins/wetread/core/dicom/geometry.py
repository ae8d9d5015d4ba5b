"""How an image lies in the patient and how square its pixels are, for a picture made from it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom import Dataset

from wetread.core.pixels.attributes import functional_group

_AXES = (("L", "R"), ("P", "A"), ("H", "F"))
"""Positive and negative direction of the patient's x, y and z (PS3.3 C.7.6.2.1.1)."""

_OBLIQUE = 0.0349
"""Sine of 2 degrees; a smaller share of a direction is not worth a letter."""

_DIRECTION = re.compile(r"[A-Z]{1,16}")
"""Of a human or an animal (PS3.3 C.7.6.1.1.1), as a CS may have it."""

_SANE_ASPECTS = (0.1, 10.0)


def patient_orientation(source: Dataset, frame_number: int) -> list[str]:
    """Return (0020,0020) of the unturned picture: direction of rows and columns, if known."""
    declared = [str(direction) for direction in source.get("PatientOrientation") or ()]
    if len(declared) == 2 and all(map(_DIRECTION.fullmatch, declared)):
        return declared
    try:
        plane = functional_group(source, frame_number, "PlaneOrientationSequence") or source
        cosines = [float(value) for value in plane.get("ImageOrientationPatient") or ()]
    except (TypeError, ValueError):
        return []
    return [_letters(cosines[:3]), _letters(cosines[3:])] if len(cosines) == 6 else []


def _letters(direction: Sequence[float]) -> str:
    shares = sorted(zip(direction, _AXES, strict=True), key=lambda share: -abs(share[0]))
    return "".join(axis[share < 0] for share, axis in shares if abs(share) > _OBLIQUE)


def pixel_aspect(source: Dataset, frame_number: int) -> float:
    """Return the height of a pixel divided by its width (PS3.3 C.7.6.3.1.7); 1 if not usable."""
    measures = functional_group(source, frame_number, "PixelMeasuresSequence") or source
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        try:
            row, column = (float(value) for value in measures.get(keyword) or ())
            aspect = row / column
        except (TypeError, ValueError, ZeroDivisionError):
            continue
        if _SANE_ASPECTS[0] <= aspect <= _SANE_ASPECTS[1]:
            return aspect
    return 1.0
