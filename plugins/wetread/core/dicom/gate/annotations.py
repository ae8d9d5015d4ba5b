"""Bulk annotations of a slide: that the lists of a group agree (PS3.3 C.37.1)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.violation import Violation

_POINTS_OF_ONE: Final = {"POINT": 1, "RECTANGLE": 4, "ELLIPSE": 4}
"""The others, POLYLINE and POLYGON, have an index list."""


def annotation_violations(annotations: Dataset) -> Iterator[Violation]:
    """Yield what is wrong with a set of bulk annotations."""
    groups = list(annotations.get("AnnotationGroupSequence") or ())
    numbers = [group.get("AnnotationGroupNumber") for group in groups]
    if numbers != list(range(1, len(groups) + 1)):
        yield Violation("dicom.ann.number", "AnnotationGroupSequence")
    if annotations.get("AnnotationCoordinateType") == "2D":
        if len(annotations.get("ReferencedImageSequence") or ()) != 1:
            yield Violation("dicom.ann.image", "ReferencedImageSequence")
    elif not annotations.get("FrameOfReferenceUID"):
        yield Violation("dicom.ann.image", "FrameOfReferenceUID")
    for index, group in enumerate(groups):
        place = f"AnnotationGroupSequence.{index}"
        if group.get("AnnotationGroupGenerationType") != "AUTOMATIC" or not group.get(
            "AnnotationGroupAlgorithmIdentificationSequence"
        ):
            yield Violation("dicom.ann.algorithm", place)
        if not _lists_agree(group, _dimensions(annotations, group)):
            yield Violation("dicom.ann.count", place)
        for measured in group.get("MeasurementsSequence") or ():
            values = next(iter(measured.get("MeasurementValuesSequence") or ()), Dataset())
            if "AnnotationIndexList" not in values and len(
                _numbers(values, "FloatingPointValues", np.float32)
            ) != group.get("NumberOfAnnotations"):
                yield Violation("dicom.ann.measurements", place)


def _dimensions(annotations: Dataset, group: Dataset) -> int:
    flat = annotations.get("AnnotationCoordinateType") == "2D" or "CommonZCoordinateValue" in group
    return 2 if flat else 3


def _lists_agree(group: Dataset, dimensions: int) -> bool:
    count = group.get("NumberOfAnnotations") or 0
    keyword = (
        "DoublePointCoordinatesData"
        if "DoublePointCoordinatesData" in group
        else "PointCoordinatesData"
    )
    coordinates = _numbers(
        group, keyword, np.float64 if keyword.startswith("Double") else np.float32
    )
    if count < 1 or not np.isfinite(coordinates).all():
        return False
    points = _POINTS_OF_ONE.get(str(group.get("GraphicType")))
    if points:
        return len(coordinates) == count * points * dimensions
    indices = _numbers(group, "LongPrimitivePointIndexList", np.uint32).tolist()
    if len(indices) != count or indices[0] != 1 or len(coordinates) % dimensions:
        return False
    starts = [*indices, len(coordinates) + 1]
    return all(first < then and not (then - first) % dimensions for first, then in pairwise(starts))


def _numbers(item: Dataset, keyword: str, kind: type[np.generic]) -> npt.NDArray[np.generic]:
    value = item.get(keyword) or b""
    return np.frombuffer(value, kind) if isinstance(value, bytes) else np.atleast_1d(value)
