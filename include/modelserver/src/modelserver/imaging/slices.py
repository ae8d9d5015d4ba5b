"""One CT slice with its place in the patient, from a single- or a multi-frame object."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from modelserver.errors import InstanceError
from modelserver.imaging.frames import functional_group, numbers, read_frames, read_header

AIR_HU = -1024
"""Scanners fill the corners outside the field of view with less than air has; here it is air."""

_HIGHEST = 32767
_LOCALIZER = "LOCALIZER"


@dataclass(frozen=True)
class Plane:
    """What must be the same for every slice of a volume."""

    row_direction: tuple[float, float, float]
    """Unit vector along a row (PS3.3 C.7.6.2.1.1), patient coordinates."""
    column_direction: tuple[float, float, float]
    pixel_spacing_mm: tuple[float, float]
    """Between rows, then between columns."""
    shape: tuple[int, int]


@dataclass(frozen=True)
class Slice:
    """One frame in Hounsfield units."""

    sop_instance_uid: str
    frame_number: int
    position_mm: tuple[float, float, float]
    """ImagePositionPatient: the centre of the first voxel."""
    plane: Plane
    voxels: np.ndarray
    """int16 (rows, columns)."""


def read_slices(
    blob: bytes, modalities: tuple[str, ...], wanted: Collection[str] | None = None
) -> Iterator[Slice]:
    """Yield the slices of one object; a localizer has none, nor has one that is not ``wanted``.

    Raises
    ------
    InstanceError
        ``UNSUPPORTED_SERIES``: not of the model's modality, in colour, or without geometry;
        ``IMAGE_INVALID``: not readable.
    """
    header = read_header(blob)
    uid = str(header.get("SOPInstanceUID", ""))
    if wanted is not None and uid not in wanted:
        return
    if modalities and str(header.get("Modality", "")) not in modalities:
        raise unsupported(f"the model looks at {', '.join(modalities)} only.")
    if header.get("SamplesPerPixel", 1) != 1:
        raise unsupported("its images are in colour.")
    if _LOCALIZER in (header.get("ImageType") or ()):
        return
    for index, pixels in enumerate(read_frames(blob)):
        position = _values(header, index, ("PlanePositionSequence", "ImagePositionPatient"), 3)
        voxels = _hounsfield(header, index, pixels)
        plane = _plane(header, index, (voxels.shape[0], voxels.shape[1]))
        yield Slice(uid, index + 1, (position[0], position[1], position[2]), plane, voxels)


def unsupported(why: str) -> InstanceError:
    """Return the error of a series that is not one regular volume."""
    return InstanceError("UNSUPPORTED_SERIES", f"The series cannot be analysed: {why}")


def _values(header: Dataset, index: int, where: tuple[str, str], count: int) -> tuple[float, ...]:
    group, keyword = where
    found = numbers(functional_group(header, index, group), keyword, count)
    if found is None:
        raise unsupported(f"a slice has no usable {keyword}.")
    return found


def _plane(header: Dataset, index: int, shape: tuple[int, int]) -> Plane:
    cosines = _values(header, index, ("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    spacing = _values(header, index, ("PixelMeasuresSequence", "PixelSpacing"), 2)
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1, atol=0.01) or abs(float(row @ column)) > 0.01:
        raise unsupported("ImageOrientationPatient is not two perpendicular directions.")
    if min(spacing) <= 0:
        raise unsupported("PixelSpacing is not positive.")
    row, column = row / lengths[0], column / lengths[1]
    return Plane(
        (float(row[0]), float(row[1]), float(row[2])),
        (float(column[0]), float(column[1]), float(column[2])),
        (spacing[0], spacing[1]),
        shape,
    )


def _hounsfield(header: Dataset, index: int, pixels: np.ndarray) -> np.ndarray:
    """Apply the modality's rescale (PS3.3 C.11.1) and keep 16 bits, which half a unit fits in."""
    group = functional_group(header, index, "PixelValueTransformationSequence")
    slope, intercept = (numbers(group, name, 1) for name in ("RescaleSlope", "RescaleIntercept"))
    if slope is None or intercept is None or slope[0] == 0:
        raise unsupported("a slice has no rescale to Hounsfield units.")
    values = pixels.astype(np.float32)
    values *= slope[0]
    values += intercept[0]
    return np.clip(np.rint(values), AIR_HU, _HIGHEST).astype(np.int16)
