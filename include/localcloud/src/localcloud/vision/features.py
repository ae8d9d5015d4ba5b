"""The feature types of a request, as names or as the numbers the official client sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.bodies import whole
from localcloud.errors import invalid_argument

FEATURE_NUMBERS = {
    0: "TYPE_UNSPECIFIED",
    1: "FACE_DETECTION",
    2: "LANDMARK_DETECTION",
    3: "LOGO_DETECTION",
    4: "LABEL_DETECTION",
    5: "TEXT_DETECTION",
    6: "SAFE_SEARCH_DETECTION",
    7: "IMAGE_PROPERTIES",
    9: "CROP_HINTS",
    10: "WEB_DETECTION",
    11: "DOCUMENT_TEXT_DETECTION",
    12: "PRODUCT_SEARCH",
    19: "OBJECT_LOCALIZATION",
}
"""``google.cloud.vision.v1.Feature.Type``; its discovery document has the names only."""
DEFAULT_MAXIMUM_RESULTS = 10


@dataclass(frozen=True)
class Feature:
    """One thing asked about an image, and how many results at most."""

    name: str
    maximum_results: int = DEFAULT_MAXIMUM_RESULTS


def read_features(items: Sequence[Mapping[str, Any]]) -> list[Feature]:
    """Read the ``features`` of a request.

    Raises
    ------
    GoogleError
        400 when a type is unknown or ``maxResults`` is negative.
    """
    return [Feature(_name(item.get("type") or 0), _maximum_results(item)) for item in items]


def _name(kind: object) -> str:
    name = FEATURE_NUMBERS.get(kind) if isinstance(kind, int) else kind
    if name not in FEATURE_NUMBERS.values():
        raise invalid_argument(f"Invalid value at 'requests.features.type': {kind!r}.")
    return str(name)


def _maximum_results(item: Mapping[str, Any]) -> int:
    count = whole(item.get("maxResults"), "max_results")
    if count < 0:
        raise invalid_argument(f"maxResults is {count}; give 0 for the default, or a count.")
    return count or DEFAULT_MAXIMUM_RESULTS
