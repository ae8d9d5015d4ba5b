"""One finding of a model: a candidate that somebody must look at, and never a diagnosis."""

from __future__ import annotations

from typing import Final

from wetread.core.fhir.elements import (
    NON_DIAGNOSTIC,
    Resource,
    narrative,
    plain_text,
    reference,
    without_absent,
)
from wetread.core.fhir.identifiers import REGION_EXTENSION, Identifier, model_identifier
from wetread.core.fhir.subject import SubjectReference
from wetread.core.findings import (
    SCORE_DECIMALS,
    AnalysisFindings,
    Candidate,
    CandidateKind,
    Region,
)
from wetread.core.terminology import Concept, concept

_KIND_CONCEPTS: Final = {
    CandidateKind.ANOMALY: "anomaly-candidate",
    CandidateKind.OBJECT: "object-candidate",
}
_UNNAMED: Final = "unnamed"
"""The label of a candidate that its model gave none."""


def candidate_concept(kind: CandidateKind) -> Concept:
    """Return the code of a candidate of a general-purpose model, which names no disease."""
    return concept(_KIND_CONCEPTS[kind])


def candidate_label(candidate: Candidate) -> str:
    """Return what the model calls the candidate, fit for a report."""
    return plain_text(candidate.label) or _UNNAMED


def observation(
    identifier: Identifier,
    analysis: AnalysisFindings,
    candidate: Candidate,
    subject: SubjectReference,
    *,
    study_url: str,
    started: str | None,
    anomaly_threshold: float | None,
) -> Resource:
    """Return the Observation of one candidate.

    It takes its time from its own analysis, so that an analysis completed later leaves the
    Observations of the others as they are.
    """
    code = candidate_concept(candidate.kind)
    label = candidate_label(candidate)
    return without_absent(
        {
            "resourceType": "Observation",
            "text": narrative(
                [f"{code.display}: {label}, score {candidate.score:g}.", f"{NON_DIAGNOSTIC}."]
            ),
            "extension": [_region(candidate)],
            "identifier": [identifier.as_fhir()],
            "status": "preliminary",
            "category": [concept("category-imaging").codeable()],
            "code": code.codeable(f"{code.display} - non-diagnostic, not for clinical use"),
            "subject": subject.as_fhir(),
            "effectiveDateTime": started,
            "issued": analysis.created_at,
            "valueCodeableConcept": {"text": label},
            "note": [{"text": f"{NON_DIAGNOSTIC}."}],
            "method": concept("artificial-intelligence").codeable(),
            "device": {
                "type": "Device",
                "identifier": model_identifier(analysis.source).as_fhir(),
                "display": f"{analysis.source.name} {analysis.source.version}",
            },
            "derivedFrom": [reference(study_url)],
            "component": [
                _component("score", candidate.score),
                *([_component("threshold", anomaly_threshold)] if anomaly_threshold else []),
            ],
        }
    )


def _component(name: str, value: float) -> Resource:
    unity = concept("unity")
    return {
        "code": concept(name).codeable(),
        "valueQuantity": {
            "value": round(value, SCORE_DECIMALS),
            "unit": unity.display,
            "system": unity.system,
            "code": unity.code,
        },
    }


def _region(candidate: Candidate) -> Resource:
    """Say where the candidate is: R4's ImagingStudy can be referred to only as a whole."""
    image = candidate.image
    parts: list[Resource] = [
        {"url": "seriesInstanceUid", "valueUri": f"urn:oid:{image.series_instance_uid}"},
        {"url": "sopInstanceUid", "valueUri": f"urn:oid:{image.sop_instance_uid}"},
        {"url": "frame", "valuePositiveInt": image.frame_number},
    ]
    if candidate.region:
        parts += _box(candidate.region)
    return {"url": REGION_EXTENSION, "extension": parts}


def _box(region: Region) -> list[Resource]:
    return [
        {"url": name, "valueDecimal": round(getattr(region, name), SCORE_DECIMALS)}
        for name in ("x", "y", "width", "height")
    ]
