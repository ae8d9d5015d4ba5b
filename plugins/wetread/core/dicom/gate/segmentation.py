"""A segmentation: its segments, its frames, and the groups that say which frame shows what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom import Dataset

from wetread.core.dicom.gate.pictures import pixel_violations
from wetread.core.violation import Violation, repeated

_TYPE: Final = {
    "SegmentationType": "BINARY",
    "BitsAllocated": 1,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelRepresentation": 0,
}

_PLACE: Final = (
    ("PlanePositionSequence", "ImagePositionPatient"),
    ("PlaneOrientationSequence", "ImageOrientationPatient"),
    ("PixelMeasuresSequence", "PixelSpacing"),
)


def segmentation_violations(image: Dataset) -> Iterator[Violation]:
    """Yield what is wrong with a binary segmentation (PS3.3 C.8.20.2, C.8.20.3, C.7.6.16)."""
    for keyword, expected in _TYPE.items():
        if image.get(keyword) != expected:
            yield Violation("dicom.seg.type", keyword)
    yield from pixel_violations(image)
    segments = list(image.get("SegmentSequence") or ())
    numbers = [segment.get("SegmentNumber") for segment in segments]
    if numbers != list(range(1, len(segments) + 1)):
        yield Violation("dicom.seg.number", "SegmentSequence")
    for index, segment in enumerate(segments):
        if segment.get("SegmentAlgorithmType") != "AUTOMATIC" or not (
            segment.get("SegmentAlgorithmName")
            and segment.get("SegmentationAlgorithmIdentificationSequence")
        ):
            yield Violation("dicom.seg.algorithm", f"SegmentSequence.{index}")
    yield from _frame_violations(image, set(numbers))


def _frame_violations(image: Dataset, numbers: set[int]) -> Iterator[Violation]:
    frames = list(image.get("PerFrameFunctionalGroupsSequence") or ())
    shared = next(iter(image.get("SharedFunctionalGroupsSequence") or ()), Dataset())
    place = "PerFrameFunctionalGroupsSequence"
    if image.get("NumberOfFrames") != len(frames):
        yield Violation("dicom.seg.frames", "NumberOfFrames")
    shown = [_segment_of(frame, shared) for frame in frames]
    for index, number in enumerate(shown):
        if number not in numbers:
            yield Violation("dicom.seg.frame-segment", f"{place}.{index}")
    if numbers - set(shown):
        yield Violation("dicom.seg.segment-without-frame", "SegmentSequence")
    is_placed = bool(image.get("FrameOfReferenceUID"))
    for index, frame in enumerate(frames):
        stated = [_states(macro, keyword, frame, shared) for macro, keyword in _PLACE]
        if not all(stated) if is_placed else stated[0]:
            yield Violation("dicom.seg.position", f"{place}.{index}")
    yield from _dimension_violations(image, frames)


def _segment_of(frame: Dataset, shared: Dataset) -> int | None:
    for group in (frame, shared):
        for item in group.get("SegmentIdentificationSequence") or ():
            number = item.get("ReferencedSegmentNumber")
            return number if isinstance(number, int) else None
    return None


def _states(macro: str, keyword: str, *groups: Dataset) -> bool:
    return any(item.get(keyword) for group in groups for item in group.get(macro) or ())


def _dimension_violations(image: Dataset, frames: list[Dataset]) -> Iterator[Violation]:
    """Yield frames without a place of their own among the dimensions (PS3.3 C.7.6.17)."""
    dimensions = len(image.get("DimensionIndexSequence") or ())
    places = []
    for frame in frames:
        content = next(iter(frame.get("FrameContentSequence") or ()), Dataset())
        value = content.get("DimensionIndexValues")
        places.append((value,) if isinstance(value, int) else tuple(value or ()))
    for index, place in enumerate(places):
        if len(place) != dimensions:
            yield Violation("dicom.seg.dimension", f"PerFrameFunctionalGroupsSequence.{index}")
    for index in repeated(places):
        yield Violation("dicom.seg.dimension", f"PerFrameFunctionalGroupsSequence.{index}")
