"""Reading attributes from the DICOM JSON model (PS3.18 annex F), as DICOMweb returns it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydicom.datadict import tag_for_keyword

Metadata = Mapping[str, Any]
"""One data set: ``{"00080018": {"vr": "UI", "Value": ["1.2.3"]}, …}``."""


def values(metadata: Metadata, keyword: str) -> tuple[Any, ...]:
    """Return all values of an attribute; none for one that is absent, empty or malformed."""
    tag = tag_for_keyword(keyword)
    element = metadata.get(f"{tag:08X}")
    found = element.get("Value") if isinstance(element, Mapping) else None
    return tuple(found) if isinstance(found, list) else ()


def text(metadata: Metadata, keyword: str) -> str:
    """Return the first value as text; empty where there is none."""
    return str(next(iter(values(metadata, keyword)), "") or "").strip()


def integer(metadata: Metadata, keyword: str) -> int | None:
    """Return the first value as an integer, which JSON may hold as text; None for all else."""
    number = _number(next(iter(values(metadata, keyword)), None))
    return None if number is None else int(number)


def floats(metadata: Metadata, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return exactly ``count`` finite numbers; None for all else."""
    numbers = [_number(value) for value in values(metadata, keyword)]
    found = tuple(number for number in numbers if number is not None)
    return found if len(found) == len(numbers) == count else None


def items(metadata: Metadata, keyword: str) -> tuple[Metadata, ...]:
    """Return the items of a sequence."""
    return tuple(item for item in values(metadata, keyword) if isinstance(item, Mapping))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
