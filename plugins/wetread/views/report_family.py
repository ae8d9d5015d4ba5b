"""All reports of a study in a table: which is shown, which is signed, which came before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.filing import OPEN_STATUSES, SIGNED_STATUSES, carries
from wetread.core.fhir.identifiers import PREDECESSOR_EXTENSION, report_identifier
from wetread.documents.words import in_utc
from wetread.views.study_results import StudyResults


@dataclass(frozen=True)
class ReportRow:
    """One report; ``edition`` counts from 1, and is nothing for one that no version names."""

    reference: str
    status: str
    is_signed: bool
    is_shown: bool
    edition: int | None
    versions: str
    issued_at: str
    is_predecessor: bool


def report_rows(results: StudyResults) -> tuple[ReportRow, ...]:
    """Return a row for each report of the study, the newest first."""
    shown = results.report.resource if results.report else {}
    before = _predecessor(shown)
    rows = (_row(results, report, shown, before) for report in results.family)
    return tuple(sorted(rows, key=lambda row: (row.issued_at, row.edition or 0), reverse=True))


def status_words(status: str) -> str:
    """Return what a report's status means here."""
    if status in SIGNED_STATUSES:
        return f"signed report: {status}"
    return f"AI report: {status}" if status in OPEN_STATUSES else f"closed: {status}"


def _row(results: StudyResults, report: Resource, shown: Resource, before: str) -> ReportRow:
    reference = f"DiagnosticReport/{report.get('id')}"
    status = str(report.get("status"))
    named = next(_names(results, report), None)
    writers = [v for v, name in results.report_ids.items() if named and name == named[0]]
    return ReportRow(
        reference=reference,
        status=status_words(status),
        is_signed=status in SIGNED_STATUSES,
        is_shown=report.get("id") == shown.get("id"),
        edition=named[1] + 1 if named else None,
        versions=", ".join(map(str, writers)),
        issued_at=in_utc(str(report.get("issued") or "")),
        is_predecessor=reference == before,
    )


def _names(results: StudyResults, report: Resource) -> Iterator[tuple[str, int]]:
    """Yield the report's id and edition; a lineage has no more editions than the study reports."""
    for report_id in dict.fromkeys(results.report_ids.values()):
        for edition in range(len(results.family)):
            if carries(report, report_identifier(report_id, edition)):
                yield report_id, edition


def _predecessor(report: Resource) -> str:
    for extension in report.get("extension", []):
        if extension.get("url") == PREDECESSOR_EXTENSION:
            return str(extension.get("valueReference", {}).get("reference", ""))
    return ""
