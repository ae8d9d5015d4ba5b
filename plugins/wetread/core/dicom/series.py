"""The series that Wetread adds to a study: one for each kind of object."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from wetread.core.dicom.names import ResultKind, ResultName


class Series(NamedTuple):
    """Series Number and Series Description, which must fit an LO and warn whoever sees it."""

    number: int
    description: str


SERIES: Mapping[ResultKind, Series] = MappingProxyType(
    {
        ResultKind.STRUCTURED_REPORT: Series(9001, "AI report - not for clinical use"),
        ResultKind.SEGMENTATION: Series(9002, "AI segmentation - not for clinical use"),
        ResultKind.KEY_IMAGE: Series(9003, "AI key image - not for clinical use"),
        ResultKind.KEY_OBJECTS: Series(9004, "AI key images of the study - not for clinical use"),
        ResultKind.ANNOTATIONS: Series(9005, "AI annotations - not for clinical use"),
    }
)
"""Numbers far above those that modalities use, so that viewers list these series last."""


def series_arguments(name: ResultName, instance_number: int = 1) -> dict[str, str | int]:
    """Return highdicom's arguments that place an object in its series."""
    series = SERIES[ResultKind(name.kind)]
    return {
        "series_instance_uid": name.series_instance_uid,
        "series_number": series.number,
        "series_description": series.description,
        "sop_instance_uid": name.sop_instance_uid,
        "instance_number": instance_number,
    }
