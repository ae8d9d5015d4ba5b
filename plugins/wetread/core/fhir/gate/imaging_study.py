"""The ImagingStudy as a whole: its counts and its UIDs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from wetread.core.violation import Violation, repeated

_UID: Final = re.compile(r"[0-9.]{1,64}")
"""Bare, and no stricter: a study is not lost because its scanner wrote 1.02 (PS3.5 section 9.1)."""


def _count(series: dict[str, Any]) -> int:
    return int(series.get("numberOfInstances", len(series.get("instance", []))))


def study_violations(resource: dict[str, Any], place: str) -> Iterator[Violation]:
    """Yield what is wrong with an ImagingStudy; nothing of other resources."""
    if resource["resourceType"] != "ImagingStudy":
        return
    series = resource.get("series", [])
    instances = [instance for item in series for instance in item.get("instance", [])]
    if resource.get("numberOfSeries", len(series)) != len(series):
        yield Violation("fhir.imaging-study.count", f"{place}.numberOfSeries")
    counts = [_count(item) for item in series]
    if resource.get("numberOfInstances", sum(counts)) != sum(counts):
        yield Violation("fhir.imaging-study.count", f"{place}.numberOfInstances")
    for index, item in enumerate(series):
        # A study that is too large names its series and only counts their instances.
        if instances and counts[index] != len(item.get("instance", [])):
            yield Violation("fhir.imaging-study.count", f"{place}.series.{index}.numberOfInstances")
    for name, items in (("series", series), ("series.instance", instances)):
        for index in repeated(item["uid"] for item in items):
            yield Violation("fhir.imaging-study.uid-twice", f"{place}.{name}.{index}.uid")
        for index, item in enumerate(items):
            if not _UID.fullmatch(item["uid"]):
                yield Violation("fhir.imaging-study.uid", f"{place}.{name}.{index}.uid")
