"""Which of a report's DICOM objects the store holds, by kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from wetread.core.dicom.names import ResultKind
from wetread.core.fhir.elements import counted
from wetread.views.study_results import StudyResults

_NOUNS: Final = {
    ResultKind.STRUCTURED_REPORT: "structured report",
    ResultKind.SEGMENTATION: "segmentation",
    ResultKind.ANNOTATIONS: "bulk annotations object",
    ResultKind.KEY_IMAGE: "key image",
    ResultKind.KEY_OBJECTS: "key object selection",
}


@dataclass(frozen=True)
class ObjectRow:
    """How many objects of a kind are stored, in words, and how many are not there yet."""

    stored: str
    missing: int


def object_rows(results: StudyResults) -> tuple[ObjectRow, ...]:
    """Return a row for each kind of object that the report's findings become."""
    objects = results.report.objects if results.report else ()
    if not objects:
        return ()
    due = Counter(name.kind for name in objects)
    there = Counter(n.kind for n in objects if n.sop_instance_uid in results.stored_uids)
    return tuple(
        ObjectRow(counted(there[kind], _NOUNS[kind]), due[kind] - there[kind])
        for kind in ResultKind
        if due[kind]
    )
