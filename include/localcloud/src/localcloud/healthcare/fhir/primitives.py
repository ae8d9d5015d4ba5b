"""R4's primitive types: which JSON type, which characters.

Source: https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from __future__ import annotations

import binascii
import re
from typing import Any

from localcloud.healthcare.fhir.temporal import date_range

_YEAR = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_MONTH = r"(0[1-9]|1[0-2])"
_DAY = r"(0[1-9]|[1-2]\d|3[0-1])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"

_PATTERNS = {
    name: re.compile(pattern)
    for name, pattern in {
        "code": r"(\S+( \S+)*)?",  # Google accepts an empty code
        "date": rf"{_YEAR}(-{_MONTH}(-{_DAY})?)?",
        "dateTime": rf"{_YEAR}(-{_MONTH}(-{_DAY}(T{_TIME}{_ZONE})?)?)?",
        "id": r"[A-Za-z0-9\-.]{1,64}",
        "instant": rf"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}",
        "oid": r"urn:oid:[0-2](\.(0|[1-9]\d*))+",
        "time": _TIME,
        "uri": r"\S*",
        "url": r"\S*",
        "canonical": r"\S*",
        "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    }.items()
}
_LOWEST_INTEGER = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}
_LARGEST_INTEGER = 2**31 - 1
_LARGEST_DECIMAL = 1e300
_DATES = frozenset({"date", "dateTime", "instant"})

ID = _PATTERNS["id"]


def defect(value: object, primitive: str) -> str:
    """Say what is wrong with a value, or return an empty text; never quotes the value."""
    if primitive == "boolean":
        return "" if isinstance(value, bool) else "want a boolean"
    if primitive == "decimal":
        return _number_defect(value, int | float, -_LARGEST_DECIMAL, _LARGEST_DECIMAL)
    if (lowest := _LOWEST_INTEGER.get(primitive)) is not None:
        return _number_defect(value, int, lowest, _LARGEST_INTEGER)
    if not isinstance(value, str):
        return "want a string"
    if primitive == "base64Binary":
        return "" if _is_base64(value) else "not a valid base64Binary"
    pattern = _PATTERNS.get(primitive)
    valid = pattern is None or pattern.fullmatch(value) is not None
    valid = valid and (primitive not in _DATES or _is_in_calendar(value))
    return "" if valid else f"not a valid {primitive}"


def _number_defect(value: Any, kind: Any, lowest: float, highest: float) -> str:
    if not isinstance(value, kind) or isinstance(value, bool):
        return "want a whole number" if kind is int else "want a number"
    return "" if lowest <= value <= highest else "out of range"


def _is_base64(text: str) -> bool:
    try:
        binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        return False
    return True


def _is_in_calendar(text: str) -> bool:
    # The pattern lets 30 February pass.
    try:
        date_range(text)
    except ValueError:
        return False
    return True
