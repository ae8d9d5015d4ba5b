"""DICOM dates and times as FHIR dateTimes, which are stricter about what must be known."""

from __future__ import annotations

import datetime as dt
import re

_DATE = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"(\d{2})(\d{2})(\d{2})?(?:\.(\d{1,6}))?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})", re.ASCII)


def dicom_datetime(date: str | None, time: str | None, offset: str | None) -> str | None:
    """Return a FHIR dateTime from DA, TM and Timezone Offset From UTC (0008,0201).

    FHIR demands a zone and minutes wherever there is a time (R4, datatype dateTime). DICOM often
    has no zone; guessing one would move the study, so the date alone is given then. An unusable
    date gives None.
    """
    day = _date(date)
    if day is None:
        return None
    clock, zone = _time(time), _zone(offset)
    if clock is None or zone is None:
        return day
    return f"{day}T{clock}{zone}"


def _date(date: str | None) -> str | None:
    if not date or not _DATE.fullmatch(date):
        return None
    try:
        return dt.date(int(date[:4]), int(date[4:6]), int(date[6:])).isoformat()
    except ValueError:
        return None


def _time(time: str | None) -> str | None:
    match = _TIME.fullmatch(time or "")
    if match is None:
        return None
    hour, minute, second, fraction = match.groups(default="")
    try:
        clock = dt.time(int(hour), int(minute), int(second or 0))
    except ValueError:  # a leap second, too: FHIR allows 60, most servers do not
        return None
    return clock.isoformat() + (f".{fraction}" if second and fraction else "")


def _zone(offset: str | None) -> str | None:
    match = _OFFSET.fullmatch(offset or "")
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    within = int(hours) <= 13 or (hours, minutes) == ("14", "00")
    return f"{sign}{hours}:{minutes}" if within and int(minutes) < 60 else None
