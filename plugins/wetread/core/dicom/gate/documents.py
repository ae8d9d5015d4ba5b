"""The two kinds of documents: the measurement report and the key object selection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom import Dataset

from wetread.core.dicom.gate.content_tree import content_violations
from wetread.core.terminology import concept
from wetread.core.violation import Violation

_FLAGS: Final = (
    ("dicom.sr.complete", "CompletionFlag", "COMPLETE"),
    ("dicom.sr.preliminary", "PreliminaryFlag", "PRELIMINARY"),
    ("dicom.sr.unverified", "VerificationFlag", "UNVERIFIED"),
)


def report_violations(report: Dataset) -> Iterator[Violation]:
    """Yield what is wrong with a measurement report (PS3.3 C.17.2, PS3.16 TID 1500)."""
    for rule, keyword, expected in _FLAGS:
        if report.get(keyword) != expected:
            yield Violation(rule, keyword)
    if report.get("VerifyingObserverSequence"):
        yield Violation("dicom.sr.unverified", "VerifyingObserverSequence")
    yield from _title_violations(report, "imaging-measurement-report")
    yield from content_violations(report, "1500")


def key_object_violations(selection: Dataset) -> Iterator[Violation]:
    """Yield what is wrong with a key object selection (PS3.3 C.17.6, PS3.16 TID 2010)."""
    yield from _title_violations(selection, "of-interest")
    yield from content_violations(selection, "2010")
    kinds = {str(item.get("ValueType")) for item in selection.get("ContentSequence") or ()}
    if not kinds & {"IMAGE", "COMPOSITE", "WAVEFORM"}:
        yield Violation("dicom.ko.selected", "ContentSequence")


def _title_violations(document: Dataset, name: str) -> Iterator[Violation]:
    title = next(iter(document.get("ConceptNameCodeSequence") or ()), Dataset())
    written = (title.get("CodeValue"), title.get("CodingSchemeDesignator"))
    if written != concept(name).coded()[:2]:
        yield Violation("dicom.sr.title", "ConceptNameCodeSequence")
