"""Dates and times of a result, taken from its findings and never from the clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from pydicom import Dataset

_EVERYWHERE = ("InstanceCreation", "Series", "Content")
_OF_SECONDARY_CAPTURE = ("DateOfSecondaryCapture", "TimeOfSecondaryCapture")
_OFFSET = re.compile(r"([+-])(0\d|1[0-4])([0-5]\d)")
"""An offset as PS3.5 table 6.2-1 has it, hours up to 14; any other is none."""


def stamp(dataset: Dataset, created_at: str, offset_from_utc: str | None = None) -> None:
    """Set every date and time of ``dataset`` to ``created_at``.

    One offset holds for all times of a data set (PS3.3 C.12.1.1.8), those of the study included, so
    the new times follow the study's. They are in UTC where the study declares no offset.

    Parameters
    ----------
    created_at : RFC 3339 time in UTC
    offset_from_utc : (0008,0201) of the source
    """
    moment = datetime.fromisoformat(created_at).astimezone(UTC)
    matched = _OFFSET.fullmatch(str(offset_from_utc or ""))
    if matched:
        sign, hours, minutes = matched.groups()
        shift = timedelta(hours=int(hours), minutes=int(minutes))
        moment = moment.astimezone(timezone(-shift if sign == "-" else shift))
        dataset.TimezoneOffsetFromUTC = matched.group()
    date, time = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    for event in _EVERYWHERE:
        setattr(dataset, f"{event}Date", date)
        setattr(dataset, f"{event}Time", time)
    for keyword, value in zip(_OF_SECONDARY_CAPTURE, (date, time), strict=True):
        if keyword in dataset:
            setattr(dataset, keyword, value)
    for equipment in dataset.get("ContributingEquipmentSequence") or []:
        equipment.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S")
