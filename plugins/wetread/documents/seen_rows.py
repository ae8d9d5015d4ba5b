"""What models found, did not find, and pointed at, as rows of a report's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wetread.core.alerts.rules import alert_rules
from wetread.core.fhir.elements import plain_text
from wetread.core.findings import AnalysisFindings, CandidateKind, Finding, StudyFindings
from wetread.core.terminology import concept, finding_concept
from wetread.documents.places import Places
from wetread.documents.words import model_name, position, shortened

_UNNAMED: Final = "unnamed"
_KINDS: Final = {
    CandidateKind.ANOMALY: "anomaly-candidate",
    CandidateKind.OBJECT: "object-candidate",
}


@dataclass(frozen=True)
class SeenRow:
    """A finding or a candidate; ``score`` and ``threshold`` lie in 0..1.

    ``kind`` is finding, anomaly or object, and ``kind_name`` what people call it; ``measured`` are
    the measurements; ``category`` is that of the alert which the finding raises, if it does.
    """

    kind: str
    kind_name: str
    label: str
    measured: str
    place: str
    position: str
    score: float
    threshold: float | None
    model: str
    category: int | None = None


@dataclass(frozen=True)
class AbsenceRow:
    """A finding that was looked for in one series and not found; ``score`` is the best there."""

    label: str
    place: str
    score: float
    threshold: float
    model: str


def finding_rows(findings: StudyFindings, places: Places) -> list[SeenRow]:
    """Return the findings of specialised models, the highest score first."""
    rows = [
        _finding(finding, analysis, places)
        for analysis in findings.analyses
        for finding in analysis.findings
    ]
    return sorted(rows, key=lambda row: (-row.score, row.label, row.place))


def absence_rows(findings: StudyFindings, places: Places) -> list[AbsenceRow]:
    """Return what specialised models looked for in a series and did not find there."""
    rows = [
        AbsenceRow(
            label=finding_concept(absence.code).label,
            place=places.series(analysis.series_instance_uid, analysis.modality),
            score=absence.score,
            threshold=absence.threshold,
            model=model_name(analysis.source),
        )
        for analysis in findings.analyses
        for absence in analysis.absences
    ]
    return sorted(rows, key=lambda row: (row.label, row.place, row.model))


def candidate_rows(
    findings: StudyFindings, places: Places, anomaly_threshold: float | None
) -> list[SeenRow]:
    """Return what a general-purpose model points at: anomalies, then objects, by score."""
    rows = list(_candidates(findings, places, anomaly_threshold))
    return sorted(rows, key=lambda row: (row.kind, -row.score, row.label, row.place))


def _finding(finding: Finding, analysis: AnalysisFindings, places: Places) -> SeenRow:
    rule = next((r for r in alert_rules() if r.concerns(finding, analysis.source)), None)
    return SeenRow(
        kind=finding.kind,
        kind_name="AI finding, to be confirmed",
        label=finding.label,
        measured=", ".join(
            f"{concept(item.code).display.lower()} {item.words}" for item in finding.measurements
        ),
        place=places.image(finding.image),
        position=position(finding.point_mm) if finding.point_mm else "",
        score=finding.score,
        threshold=finding.threshold,
        model=model_name(analysis.source),
        category=rule.category.number if rule else None,
    )


def _candidates(
    findings: StudyFindings, places: Places, anomaly_threshold: float | None
) -> Iterator[SeenRow]:
    for analysis in findings.analyses:
        for candidate in analysis.candidates:
            yield SeenRow(
                kind=candidate.kind,
                kind_name=concept(_KINDS[candidate.kind]).display,
                label=plain_text(shortened(candidate.label)) or _UNNAMED,
                measured="",
                place=places.image(candidate.image),
                position="",
                score=candidate.score,
                threshold=anomaly_threshold,
                model=model_name(analysis.source),
            )
