"""What a model saw, or looked for and did not see, as an Observation: preliminary by type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wetread.core.alerts.rules import most_urgent
from wetread.core.fhir.elements import (
    NON_DIAGNOSTIC,
    NOT_REVIEWED,
    Resource,
    narrative,
    plain_text,
    reference,
    without_absent,
)
from wetread.core.fhir.identifiers import Identifier
from wetread.core.fhir.image_region import image_region
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import (
    SCORE_DECIMALS,
    Absence,
    AnalysisFindings,
    Candidate,
    CandidateKind,
    Finding,
)
from wetread.core.terminology import Concept, concept, finding_concept, unit_concept

Statement = Finding | Candidate | Absence
"""What gets an Observation."""

_KIND_CONCEPTS: Final = {
    CandidateKind.ANOMALY: "anomaly-candidate",
    CandidateKind.OBJECT: "object-candidate",
}
_UNNAMED: Final = "unnamed"
"""The label of a candidate that its model gave none."""

_MOST_URGENT_CATEGORY: Final = 1


def candidate_concept(kind: CandidateKind) -> Concept:
    """Return the code of a candidate of a general-purpose model, which names no disease."""
    return concept(_KIND_CONCEPTS[kind])


def label_of(seen: Finding | Candidate) -> str:
    """Return what the model calls a finding or candidate, fit for a report."""
    return plain_text(seen.label) or _UNNAMED


@dataclass(frozen=True)
class _Wording:
    """What an Observation says, apart from who said it of whom."""

    code: Concept
    wording: str
    summary: str
    value: Resource
    notice: str
    threshold: float | None
    site: Concept | None = None


def observation(
    identifier: Identifier,
    analysis: AnalysisFindings,
    statement: Statement,
    surroundings: Surroundings,
    *,
    study_url: str,
    started: str | None,
    body_part: Concept | None,
    anomaly_threshold: float | None,
) -> Resource:
    """Return the Observation of one finding, candidate or absence.

    What was looked for and is absent is an Observation, too: silence would mean both "not there"
    and "not looked for". It takes its time from its own analysis, so that an analysis completed
    later leaves the Observations of the others as they are. ``body_part`` is what the series shows,
    for what has no site of its own; ``anomaly_threshold`` is that of candidates.
    """
    says = _wording(statement, anomaly_threshold or None)
    source, site = analysis.source, says.site or body_part
    return without_absent(
        {
            "resourceType": "Observation",
            "text": narrative(
                [
                    f"{says.summary}, score {statement.score:g}.",
                    *_measured(statement),
                    f"{says.notice}.",
                ]
            ),
            "extension": [] if isinstance(statement, Absence) else [image_region(statement)],
            "identifier": [identifier.as_fhir()],
            "status": "preliminary",
            "category": [concept("category-imaging").codeable()],
            "code": says.code.codeable(says.wording),
            "subject": surroundings.subject.as_fhir(),
            "effectiveDateTime": started,
            "issued": analysis.created_at,
            "performer": [reference(surroundings.organization)]
            if surroundings.organization
            else None,
            "valueCodeableConcept": says.value,
            "interpretation": _interpretation(analysis, statement),
            "note": [{"text": f"{says.notice}."}],
            "bodySite": site.codeable() if site else None,
            "method": concept("artificial-intelligence").codeable(),
            "device": {
                "reference": surroundings.device(source),
                "display": f"{source.name} {source.version}".strip(),
            },
            "derivedFrom": [reference(study_url)],
            "component": list(_components(statement, says.threshold)),
        }
    )


def _wording(statement: Statement, anomaly_threshold: float | None) -> _Wording:
    if isinstance(statement, Candidate):
        return _candidate(statement, anomaly_threshold)
    return _coded(statement)


def _coded(statement: Finding | Absence) -> _Wording:
    code = finding_concept(statement.code)
    value = concept("present" if isinstance(statement, Finding) else "absent")
    return _Wording(
        code=code,
        wording=f"{code.label} - {NOT_REVIEWED}",
        summary=f"{code.label}: {value.display.lower()}",
        value=value.codeable(),
        notice=NOT_REVIEWED,
        threshold=statement.threshold,
        site=code.site,
    )


def _candidate(candidate: Candidate, threshold: float | None) -> _Wording:
    code = candidate_concept(candidate.kind)
    return _Wording(
        code=code,
        wording=f"{code.display} - non-diagnostic, not for clinical use",
        summary=f"{code.display}: {label_of(candidate)}",
        value={"text": label_of(candidate)},
        notice=NON_DIAGNOSTIC,
        threshold=threshold,
    )


def _interpretation(analysis: AnalysisFindings, statement: Statement) -> list[Resource]:
    """Call critical what raises the most urgent alert, and nothing for being merely likely."""
    if isinstance(statement, Absence):
        return []
    rule = most_urgent(statement, analysis.source)
    if rule is None or rule.category.number != _MOST_URGENT_CATEGORY:
        return []
    return [concept("critical-abnormal").codeable()]


def _measured(statement: Statement) -> Iterator[str]:
    if isinstance(statement, Finding):
        for item in statement.measurements:
            yield f"{concept(item.code).display}: {item.value:g} {item.unit}."


def _components(statement: Statement, threshold: float | None) -> Iterator[Resource]:
    unity = concept("unity")
    yield _component(concept("score"), round(statement.score, SCORE_DECIMALS), unity)
    if threshold:
        yield _component(concept("threshold"), round(threshold, SCORE_DECIMALS), unity)
    if isinstance(statement, Finding):
        for item in statement.measurements:
            yield _component(concept(item.code), item.value, unit_concept(item.unit))


def _component(code: Concept, value: float, unit: Concept) -> Resource:
    return {
        "code": code.codeable(),
        "valueQuantity": {
            "value": value,
            "unit": unit.display,
            "system": unit.system,
            "code": unit.code,
        },
    }
