"""Telling Wetread's own objects from everybody else's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from wetread.core.pixels import policy
from wetread.core.pixels.decoding import PIXEL_KEYWORDS

MANUFACTURER = "Wetread"
"""(0008,0070) of every object that Wetread writes; ``policy.toml`` knows it, too."""

_TAGS = tuple(
    f"{tag_for_keyword(keyword):08X}"
    for keyword in ("SOPClassUID", "ImageType", "Manufacturer", "PresentationIntentType")
)
_PIXEL_TAGS = frozenset(f"{tag_for_keyword(keyword):08X}" for keyword in PIXEL_KEYWORDS)


@dataclass(frozen=True)
class _Facts:
    sop_class_uid: str
    image_type: tuple[str, ...]
    manufacturer: str
    presentation_intent: str
    has_pixel_data: bool


def is_own_result(instance: Dataset | Mapping[str, Any]) -> bool:
    """Return whether Wetread wrote ``instance``; such an instance never starts an analysis.

    Parameters
    ----------
    instance : a data set, or the same in the DICOM JSON model
    """
    if isinstance(instance, Dataset):
        has_pixel_data = any(keyword in instance for keyword in PIXEL_KEYWORDS)
    else:
        has_pixel_data = not _PIXEL_TAGS.isdisjoint(instance)
        instance = Dataset.from_json({key: instance[key] for key in _TAGS if key in instance})
    return policy.is_own_result(
        _Facts(
            sop_class_uid=str(instance.get("SOPClassUID") or ""),
            image_type=tuple(instance.get("ImageType") or ()),
            manufacturer=str(instance.get("Manufacturer") or ""),
            presentation_intent=str(instance.get("PresentationIntentType") or ""),
            has_pixel_data=has_pixel_data,
        )
    )
