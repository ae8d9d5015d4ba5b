"""How reports for people write times, places and numbers; the pages write them the same way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from wetread.core.findings import AnalysisSource

_DATE_CHARACTERS: Final = len("2026-01-01")
_DIGEST_CHARACTERS: Final = 12
"""48 bits: enough to tell the weights and settings of one installation apart."""
_TEXT_CHARACTERS: Final = 200
"""No label and no description needs more; a header may hold anything."""
_SECONDS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_MINUS: Final = "\N{MINUS SIGN}"


def in_utc(time: str) -> str:
    """Return an RFC 3339 time, or a date alone, as people read it."""
    if len(time) <= _DATE_CHARACTERS:
        return time
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def with_zone(time: str) -> str:
    """Return a FHIR dateTime with its own zone, or say that the zone is unknown of a date alone."""
    if len(time) <= _DATE_CHARACTERS:
        return f"{time}, time zone unknown"
    moment = datetime.fromisoformat(time)
    offset = moment.utcoffset() or timedelta()
    sign = _MINUS if offset < timedelta() else "+"
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{moment:%Y-%m-%d %H:%M} UTC{sign}{minutes // 60:02}:{minutes % 60:02}"


def later(time: str, seconds: int) -> str:
    """Return the time ``seconds`` after an RFC 3339 time, as people read it."""
    return in_utc((datetime.fromisoformat(time) + timedelta(seconds=seconds)).isoformat())


def duration(seconds: int) -> str:
    """Return a duration in its largest whole unit, such as ``15 minutes``."""
    for noun, size in _SECONDS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {noun}{'s' * (count > 1)}"
    return f"{seconds} seconds"


def position(point_mm: tuple[float, float, float]) -> str:
    """Return a point of patient coordinates by the sides it lies on, as viewers do.

    DICOM counts to the patient's left, back and head (PS3.3 C.7.6.2.1.1).
    """
    sides = zip(("LR", "PA", "HF"), point_mm, strict=True)
    return ", ".join(f"{names[value < 0]} {abs(value):.0f}" for names, value in sides) + " mm"


def model_name(source: AnalysisSource) -> str:
    """Return a model's name and version."""
    return f"{source.name} {source.version}".strip()


def short_digest(digest: str) -> str:
    """Return the first characters of a digest without the name of its algorithm."""
    return digest.rpartition(":")[2][:_DIGEST_CHARACTERS]


def shortened(text: str) -> str:
    """Return a text that others wrote, cut where it no longer informs."""
    return text if len(text) <= _TEXT_CHARACTERS else text[: _TEXT_CHARACTERS - 1] + "…"
