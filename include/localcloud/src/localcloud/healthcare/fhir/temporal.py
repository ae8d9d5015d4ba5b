"""FHIR dates as ranges: ``2026-05`` is every instant of that month.

Source: https://hl7.org/fhir/R4/search.html#date
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
EARLIEST, LATEST = -(2**62), 2**62
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970 (UTC)."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def instant(value: int) -> str:
    """Write microseconds since 1970 as Google writes ``meta.lastUpdated``."""
    return from_microseconds(value).isoformat(timespec="microseconds")


def date_range(text: str) -> tuple[int, int]:
    """Return the first and the last microsecond of a date; no zone means UTC.

    Raises
    ------
    ValueError
        When the text is not a FHIR date.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a FHIR date")
    parts = match.groupdict()
    fraction = (parts["fraction"] or "")[:6]
    local = datetime(
        int(parts["year"]),
        int(parts["month"] or 1),
        int(parts["day"] or 1),
        int(parts["hour"] or 0),
        int(parts["minute"] or 0),
        min(int(parts["second"] or 0), 59),
        int(fraction.ljust(6, "0") or 0) if fraction else 0,
        tzinfo=UTC,
    )
    shift = _offset(parts["zone"]) // _MICROSECOND
    start = microseconds(local) - shift
    try:
        end = microseconds(_end(local, parts, len(fraction))) - shift - 1
    except (OverflowError, ValueError):
        # The end of 9999 is past what a datetime holds; it means "for ever".
        end = LATEST
    return start, end


def _offset(zone: str | None) -> timedelta:
    if zone in (None, "Z"):
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))


def _end(start: datetime, parts: dict[str, str | None], digits: int) -> datetime:
    if digits:
        return start + timedelta(microseconds=10 ** (6 - digits))
    if parts["second"]:
        return start + timedelta(seconds=1)
    if parts["minute"]:
        return start + timedelta(minutes=1)
    if parts["day"]:
        return start + timedelta(days=1)
    if parts["month"]:
        month = start.month % 12 + 1
        return start.replace(year=start.year + (month == 1), month=month)
    return start.replace(year=start.year + 1)
