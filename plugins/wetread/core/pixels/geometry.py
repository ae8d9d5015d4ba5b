"""The frames of a series in the order in which they lie in the patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wetread.core.errors import problem
from wetread.core.findings import ImageReference
from wetread.core.pixels.metadata import Metadata, floats, integer, items, text

FRAMES_LIMIT = 100_000
"""Frames considered per instance; a header can claim two billion, and no image comes close."""

_SAME_NORMAL_COSINE = 0.999
"""Slices whose normals differ by less than 2.6 degrees are taken for parallel."""

_POSITION_DECIMALS = 3
"""Micrometres: closer slices lie at one position and keep the order of their acquisition."""

_LAST = 2**31
"""Stands for a missing number; integer strings end before it (PS3.5 table 6.2-1)."""

Vector = tuple[float, ...]


@dataclass(frozen=True)
class _Frame:
    image: ImageReference
    acquisition_number: int | None
    position_mm: Vector | None
    normal: Vector | None

    @property
    def acquisition_order(self) -> tuple[int, int, str, int]:
        numbers = (self.acquisition_number, self.image.instance_number)
        acquisition, instance = (_LAST if number is None else number for number in numbers)
        return acquisition, instance, self.image.sop_instance_uid, self.image.frame_number


def order_frames(series_metadata: Sequence[Metadata]) -> tuple[ImageReference, ...]:
    """Order every frame of a series, single-frame and enhanced multi-frame alike.

    Frames of one orientation go along their common normal (PS3.3 C.7.6.2.1.1); instance numbers do
    not promise that order. Without one orientation they keep the order of their acquisition. The
    result does not depend on the order of the metadata.

    Parameters
    ----------
    series_metadata : the instances of one series in the DICOM JSON model, pixels not needed

    Raises
    ------
    RetriableError
        ``answer-malformed``: an instance lacks its UIDs.
    """
    instances = {text(metadata, "SOPInstanceUID"): metadata for metadata in series_metadata}
    frames = [frame for metadata in instances.values() for frame in _frames(metadata)]
    frames.sort(key=lambda frame: frame.acquisition_order)
    places = _places_mm(frames)
    if places is not None:
        frames.sort(key=lambda frame: places[frame.image])
    return tuple(frame.image for frame in frames)


def number_of_frames(metadata: Metadata) -> int:
    """Return how many frames of an instance are considered; 1 for a single-frame image."""
    return min(max(integer(metadata, "NumberOfFrames") or 1, 1), FRAMES_LIMIT)


def _frames(metadata: Metadata) -> list[_Frame]:
    series_uid, sop_uid, class_uid = (
        text(metadata, keyword)
        for keyword in ("SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    )
    if not (series_uid and sop_uid and class_uid):
        raise problem("answer-malformed", "The metadata of a series lacks the UIDs of an instance.")
    count = number_of_frames(metadata)
    shared = items(metadata, "SharedFunctionalGroupsSequence")[:1]
    per_frame = items(metadata, "PerFrameFunctionalGroupsSequence")
    instance_number = integer(metadata, "InstanceNumber")
    return [
        _frame(
            ImageReference(series_uid, sop_uid, class_uid, instance_number, number),
            (*per_frame[number - 1 : number], *shared),
            metadata,
        )
        for number in range(1, count + 1)
    ]


def _frame(image: ImageReference, groups: Sequence[Metadata], metadata: Metadata) -> _Frame:
    def plane(sequence: str, keyword: str, count: int) -> Vector | None:
        macros = (macro for group in groups for macro in items(group, sequence)[:1])
        found = (floats(source, keyword, count) for source in (*macros, metadata))
        return next((vector for vector in found if vector is not None), None)

    orientation = plane("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    return _Frame(
        image,
        integer(metadata, "AcquisitionNumber"),
        plane("PlanePositionSequence", "ImagePositionPatient", 3),
        None if orientation is None else _normal(orientation),
    )


def _normal(orientation: Vector) -> Vector | None:
    """Return the unit vector along rows x columns; None where the six cosines span no plane."""
    (rx, ry, rz), (cx, cy, cz) = orientation[:3], orientation[3:]
    cross = (ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx)
    length = math.hypot(*cross)
    if not 0 < length < math.inf:
        return None
    return tuple(component / length for component in cross)


def _dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _places_mm(frames: Sequence[_Frame]) -> dict[ImageReference, float] | None:
    """Return where each frame lies along the common normal; None where there is none."""
    normal = frames[0].normal if frames else None
    if normal is None:
        return None
    places = {}
    for frame in frames:
        if frame.position_mm is None or frame.normal is None:
            return None
        if _dot(frame.normal, normal) < _SAME_NORMAL_COSINE:
            return None
        places[frame.image] = round(_dot(frame.position_mm, normal), _POSITION_DECIMALS)
    return places
