"""What a model saw as an Observation: preliminary, and never a diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wetread.core.fhir.elements import (
    NON_DIAGNOSTIC,
    NOT_REVIEWED,
    Resource,
    narrative,
    plain_text,
    reference,
    without_absent,
)
from wetread.core.fhir.identifiers import Identifier, model_identifier
from wetread.core.fhir.image_region import image_region
from wetread.core.fhir.subject import SubjectReference
from wetread.core.findings import (
    SCORE_DECIMALS,
    AnalysisFindings,
    Candidate,
    CandidateKind,
    Finding,
)
from wetread.core.terminology import Concept, concept, finding_concept, unit_concept

_KIND_CONCEPTS: Final = {
    CandidateKind.ANOMALY: "anomaly-candidate",
    CandidateKind.OBJECT: "object-candidate",
}
_UNNAMED: Final = "unnamed"
"""The label of a candidate that its model gave none."""


def candidate_concept(kind: CandidateKind) -> Concept:
    """Return the code of a candidate of a general-purpose model, which names no disease."""
    return concept(_KIND_CONCEPTS[kind])


def label_of(seen: Finding | Candidate) -> str:
    """Return what the model calls a finding or candidate, fit for a report."""
    return plain_text(seen.label) or _UNNAMED


@dataclass(frozen=True)
class _Statement:
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
    seen: Finding | Candidate,
    subject: SubjectReference,
    *,
    study_url: str,
    started: str | None,
    anomaly_threshold: float | None,
) -> Resource:
    """Return the Observation of one finding or candidate.

    It takes its time from its own analysis, so that an analysis completed later leaves the
    Observations of the others as they are. ``anomaly_threshold`` is that of candidates.
    """
    says = (
        _finding(seen) if isinstance(seen, Finding) else _candidate(seen, anomaly_threshold or None)
    )
    return without_absent(
        {
            "resourceType": "Observation",
            "text": narrative(
                [f"{says.summary}, score {seen.score:g}.", *_measured(seen), f"{says.notice}."]
            ),
            "extension": [image_region(seen)],
            "identifier": [identifier.as_fhir()],
            "status": "preliminary",
            "category": [concept("category-imaging").codeable()],
            "code": says.code.codeable(says.wording),
            "subject": subject.as_fhir(),
            "effectiveDateTime": started,
            "issued": analysis.created_at,
            "valueCodeableConcept": says.value,
            "bodySite": says.site.codeable() if says.site else None,
            "note": [{"text": f"{says.notice}."}],
            "method": concept("artificial-intelligence").codeable(),
            "device": {
                "type": "Device",
                "identifier": model_identifier(analysis.source).as_fhir(),
                "display": f"{analysis.source.name} {analysis.source.version}",
            },
            "derivedFrom": [reference(study_url)],
            "component": list(_components(seen, says.threshold)),
        }
    )


def _finding(finding: Finding) -> _Statement:
    code = finding_concept(finding.code)
    return _Statement(
        code=code,
        wording=f"{finding.label} - {NOT_REVIEWED}",
        summary=f"{finding.label}: present",
        value=concept("present").codeable(),
        notice=NOT_REVIEWED,
        threshold=finding.threshold,
        site=code.site,
    )


def _candidate(candidate: Candidate, threshold: float | None) -> _Statement:
    code = candidate_concept(candidate.kind)
    return _Statement(
        code=code,
        wording=f"{code.display} - non-diagnostic, not for clinical use",
        summary=f"{code.display}: {label_of(candidate)}",
        value={"text": label_of(candidate)},
        notice=NON_DIAGNOSTIC,
        threshold=threshold,
    )


def _measured(seen: Finding | Candidate) -> Iterator[str]:
    if isinstance(seen, Finding):
        for item in seen.measurements:
            yield f"{concept(item.code).display}: {item.value:g} {item.unit}."


def _components(seen: Finding | Candidate, threshold: float | None) -> Iterator[Resource]:
    unity = concept("unity")
    yield _component(concept("score"), round(seen.score, SCORE_DECIMALS), unity)
    if threshold:
        yield _component(concept("threshold"), round(threshold, SCORE_DECIMALS), unity)
    if isinstance(seen, Finding):
        for item in seen.measurements:
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
