"""The preliminary report that gathers a study's findings; only a person makes it final."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wetread.core.fhir.elements import Resource, narrative, reference, without_absent
from wetread.core.fhir.identifiers import Identifier
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.subject import SubjectReference
from wetread.core.findings import StudyFindings
from wetread.core.terminology import concept, procedure_concept


def diagnostic_report(
    findings: StudyFindings,
    facts: StudyFacts,
    subject: SubjectReference,
    identifier: Identifier,
    *,
    study_url: str,
    observation_urls: Iterable[str],
    conclusion: Sequence[str],
) -> Resource:
    """Return the DiagnosticReport; its status is preliminary whatever was found.

    The categories are those of US Core's "DiagnosticReport Profile for Report and Note Exchange".
    """
    code = procedure_concept(facts.modalities, facts.body_parts)
    return without_absent(
        {
            "resourceType": "DiagnosticReport",
            "text": narrative(conclusion),
            "identifier": [identifier.as_fhir()],
            "status": "preliminary",
            "category": [
                concept("category-radiology").codeable(),
                concept("category-radiology-loinc").codeable(),
            ],
            "code": code.codeable(f"{code.display} - AI analysis, not reviewed by a radiologist"),
            "subject": subject.as_fhir(),
            "effectiveDateTime": facts.started,
            "issued": findings.created_at,
            "result": [reference(url) for url in observation_urls],
            "imagingStudy": [reference(study_url)],
            "conclusion": "\n".join(conclusion),
        }
    )
