"""Everything that the readable report says, as values for its template."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from wetread.core.alerts.alert import critical_alerts
from wetread.core.fhir.conclusion import NOTHING_FOUND
from wetread.core.fhir.elements import counted
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.subject import NOT_IDENTIFIED, SubjectReference
from wetread.core.findings import ANALYSIS_MISSING, Finding, StudyFindings
from wetread.core.outcomes import OutcomeCounts
from wetread.core.terminology import procedure_concept
from wetread.core.version import VERSION
from wetread.documents.figures import Figure
from wetread.documents.outcome_rows import ReasonRow, reason_rows
from wetread.documents.places import Places
from wetread.documents.seen_rows import (
    AbsenceRow,
    SeenRow,
    absence_rows,
    candidate_rows,
    finding_rows,
)
from wetread.documents.sources import AnalysisRow, ModelRow, analysis_rows, model_rows
from wetread.documents.words import duration, in_utc, later, short_digest, shortened, with_zone

NOTHING_TO_ANALYSE: Final = "Nothing of this study could be analysed."
NO_FINDING: Final = "No finding; this does not mean that there is nothing to find."

_Row = TypeVar("_Row")
_LONGEST_TABLE: Final = 24
_CANDIDATES_LISTED: Final = 8
_NAMED: Final = 3
"""Findings that the summary names; the table has them all."""


@dataclass(frozen=True)
class Table(Generic[_Row]):
    """The first rows of a table, and how many more there are elsewhere."""

    rows: tuple[_Row, ...]
    left_out: int


@dataclass(frozen=True)
class Picture:
    """One figure; ``source`` is a ``data:`` URI, and empty when there is no picture."""

    is_finding: bool
    title: str
    place: str
    source: str


@dataclass(frozen=True)
class Content:
    """The whole report; ``critical`` is empty unless something has to be looked at in time."""

    title: str
    summary: str
    aside: str
    critical: str
    notes: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    pictures: tuple[Picture, ...]
    findings: Table[SeenRow]
    absences: Table[AbsenceRow]
    candidates: Table[SeenRow]
    anomaly_threshold: float | None
    analyses: Table[AnalysisRow]
    is_incomplete: bool
    counts: OutcomeCounts
    reasons: tuple[ReasonRow, ...]
    models: tuple[ModelRow, ...]
    versions: tuple[tuple[str, str], ...]


def report_content(
    findings: StudyFindings,
    facts: StudyFacts,
    subject: SubjectReference,
    filing: Filing,
    figures: Sequence[Figure],
    *,
    anomaly_threshold: float | None,
) -> Content:
    """Return what the report says of its arguments, which ``study_document`` explains."""
    places = Places(facts)
    return Content(
        title=procedure_concept(facts.modalities, facts.body_parts).display,
        summary=_summary(findings),
        aside=_aside(findings),
        critical=_critical(findings),
        notes=tuple(_notes(findings, filing)),
        facts=tuple(_facts(findings, facts, subject)),
        pictures=tuple(_picture(figure, places) for figure in figures),
        findings=_table(finding_rows(findings, places)),
        absences=_table(absence_rows(findings, places)),
        candidates=_table(candidate_rows(findings, places, anomaly_threshold), _CANDIDATES_LISTED),
        anomaly_threshold=anomaly_threshold if findings.candidates else None,
        analyses=_table(analysis_rows(findings, places)),
        is_incomplete=bool(findings.missing),
        counts=findings.counts,
        reasons=reason_rows(findings, {s.series_instance_uid: s.number for s in facts.series}),
        models=tuple(model_rows(findings)),
        versions=tuple(_versions(findings, filing)),
    )


def _table(rows: Sequence[_Row], limit: int = _LONGEST_TABLE) -> Table[_Row]:
    return Table(tuple(rows[:limit]), len(rows[limit:]))


def _summary(findings: StudyFindings) -> str:
    if not findings.analyses:
        return "No analysis has succeeded yet." if findings.missing else NOTHING_TO_ANALYSE
    ranked = sorted(findings.findings, key=lambda finding: (-finding.score, finding.code))
    names = list(dict.fromkeys(finding.sized_label for finding in ranked))
    if not names:
        return NO_FINDING if findings.candidates else NOTHING_FOUND
    more = " and others" if len(names) > _NAMED else ""
    return f"{counted(len(ranked), 'finding')} to be confirmed: {', '.join(names[:_NAMED])}{more}."


def _aside(findings: StudyFindings) -> str:
    anomalies = len(findings.anomalies)
    objects = len(findings.candidates) - anomalies
    kinds = ((anomalies, "anomaly candidate"), (objects, "object candidate"))
    named = " and ".join(counted(number, noun) for number, noun in kinds if number)
    return f"{named}, none of them a diagnosis." if named else ""


def _critical(findings: StudyFindings) -> str:
    alert = next(iter(critical_alerts(findings)), None)
    if alert is None:
        return ""
    until = later(alert.created_at, alert.due_seconds)
    return (
        f"Critical, category {alert.category}: somebody has to look within"
        f" {duration(alert.due_seconds)}, by {until}. An alert is raised."
    )


def _notes(findings: StudyFindings, filing: Filing) -> Iterator[str]:
    if findings.missing:
        names = [str(name) for name in sorted(findings.missing)]
        more = f" and {len(names) - _LONGEST_TABLE} more" if len(names) > _LONGEST_TABLE else ""
        waiting = sum(o.reason == ANALYSIS_MISSING for o in findings.outcomes)
        yield (
            f"Incomplete: {counted(len(names), 'analysis', 'analyses')} not done yet"
            f" ({', '.join(names[:_LONGEST_TABLE])}{more});"
            f" {counted(waiting, 'instance')} not looked at. The report is completed when they are."
        )
    if filing.signed:
        signed = ", ".join(filing.signed)
        yield (
            f"A signed report of this study exists ({signed}) and stays as it is. This AI result"
            " differs from it or is newer, and is filed beside it."
        )


def _facts(
    findings: StudyFindings, facts: StudyFacts, subject: SubjectReference
) -> Iterator[tuple[str, str]]:
    number = subject.identifier.value if subject.identifier else ""
    yield "Patient", shortened(number or subject.reference or NOT_IDENTIFIED)
    yield "Accession number", shortened(facts.accession_number or "not given")
    yield "Study", shortened(facts.description or "no description")
    yield "Study date", with_zone(facts.started) if facts.started else "not given"
    yield "Analysed", in_utc(findings.created_at)


def _picture(figure: Figure, places: Places) -> Picture:
    image = figure.image
    best = max(image.marked, key=lambda seen: seen.score)
    place = [places.image(best.image), f"highest score {best.score:.2f}"]
    encoded = base64.b64encode(figure.jpeg).decode("ascii") if figure.jpeg else ""
    return Picture(
        is_finding=any(isinstance(seen, Finding) for seen in image.marked),
        title=image.title,
        place=", ".join(filter(None, place)),
        source=f"data:image/jpeg;base64,{encoded}" if encoded else "",
    )


def _versions(findings: StudyFindings, filing: Filing) -> Iterator[tuple[str, str]]:
    yield "Study version", str(findings.version)
    yield "Report edition", str(filing.edition + 1)
    yield "Report number", short_digest(filing.report.value)
    yield "Predecessor", filing.predecessor or "none"
    yield "Signed report", ", ".join(filing.signed) or "none"
    yield "Images (manifest)", short_digest(findings.manifest_digest)
    yield "Settings", short_digest(findings.settings_digest)
    yield "Software", f"Wetread {VERSION}"
