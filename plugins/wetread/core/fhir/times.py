"""DICOM dates and times as FHIR dateTimes, which are stricter about what must be known."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DATE = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"(\d{2})(\d{2})(\d{2})?(?:\.(\d{1,6}))?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})", re.ASCII)


def dicom_datetime(
    date: str | None, time: str | None, offset: str | None, time_zone: str = ""
) -> str | None:
    """Return a FHIR dateTime from DA, TM and Timezone Offset From UTC (0008,0201).

    FHIR demands a zone and minutes wherever there is a time (R4, datatype dateTime). DICOM often
    has no zone; guessing one would move the study, so the date alone is given where the site does
    not name its zone, too. An unusable date gives None.

    Parameters
    ----------
    time_zone
        IANA name of the site's zone, for times without an offset; empty: not known.
    """
    day = _date(date)
    if day is None:
        return None
    clock = _time(time)
    if clock is None:
        return day.isoformat()
    zone = _zone(offset) or _site_zone(dt.datetime.combine(day, clock[0]), time_zone)
    if zone is None:
        return day.isoformat()
    return f"{day.isoformat()}T{clock[0].isoformat()}{clock[1]}{zone}"


def is_time_zone(name: str) -> bool:
    """Whether the IANA database of this machine knows a zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # of a folder, a path, no file
        return False
    return True


def seconds_later(moment: str, seconds: int) -> str:
    """Return the RFC 3339 time ``seconds`` after another one, in UTC."""
    later = dt.datetime.fromisoformat(moment).astimezone(dt.UTC) + dt.timedelta(seconds=seconds)
    return later.isoformat().replace("+00:00", "Z")


def _date(date: str | None) -> dt.date | None:
    if not date or not _DATE.fullmatch(date):
        return None
    try:
        return dt.date(int(date[:4]), int(date[4:6]), int(date[6:]))
    except ValueError:
        return None


def _time(time: str | None) -> tuple[dt.time, str] | None:
    """Return the time to the second, and the fraction of it as it was written."""
    match = _TIME.fullmatch(time or "")
    if match is None:
        return None
    hour, minute, second, fraction = match.groups(default="")
    try:
        clock = dt.time(int(hour), int(minute), int(second or 0))
    except ValueError:  # a leap second, too: FHIR allows 60, most servers do not
        return None
    return clock, f".{fraction}" if second and fraction else ""


def _zone(offset: str | None) -> str | None:
    match = _OFFSET.fullmatch(offset or "")
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    within = int(hours) <= 13 or (hours, minutes) == ("14", "00")
    return f"{sign}{hours}:{minutes}" if within and int(minutes) < 60 else None


def _site_zone(local: dt.datetime, time_zone: str) -> str | None:
    """Return the site's offset at a local time; None in the hour that clocks skip or repeat."""
    if not time_zone:
        return None
    zone = ZoneInfo(time_zone)
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    offset = first.utcoffset()
    if offset is None or offset != second.utcoffset() or offset.total_seconds() % 60:
        return None
    return first.isoformat(timespec="minutes")[-6:]
