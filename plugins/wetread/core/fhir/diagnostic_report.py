"""The preliminary report that gathers a study's findings; only a person makes it final."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wetread.core.fhir.elements import Resource, narrative, reference, without_absent
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.identifiers import (
    PREDECESSOR_EXTENSION,
    content_identifier,
    family_identifier,
)
from wetread.core.fhir.media import CAPTION
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import StudyFindings
from wetread.core.terminology import concept, finding_concept, procedure_concept


def diagnostic_report(
    findings: StudyFindings,
    facts: StudyFacts,
    surroundings: Surroundings,
    filing: Filing,
    *,
    study_url: str,
    observation_urls: Iterable[str],
    media_urls: Iterable[str],
    presented_forms: Sequence[Resource],
    conclusion: Sequence[str],
) -> Resource:
    """Return the DiagnosticReport; its status is preliminary whatever was found.

    It has three identifiers: its own, that of the study's reports, and that of its content. The
    categories are those of US Core's "DiagnosticReport Profile for Report and Note Exchange".
    Nobody is its interpreter before a person signs it.
    """
    code = procedure_concept(facts.modalities, facts.body_parts)
    order, performer = surroundings.service_request, surroundings.organization
    names = (
        filing.report,
        family_identifier(findings.study_instance_uid),
        content_identifier(findings),
    )
    return without_absent(
        {
            "resourceType": "DiagnosticReport",
            "text": narrative(conclusion),
            "extension": list(_predecessor(filing)),
            "identifier": [name.as_fhir() for name in names],
            "basedOn": [reference(order)] if order else None,
            "status": "preliminary",
            "category": [
                concept("category-radiology").codeable(),
                concept("category-radiology-loinc").codeable(),
            ],
            "code": code.codeable(f"{code.display} - AI analysis, not reviewed by a radiologist"),
            "subject": surroundings.subject.as_fhir(),
            "effectiveDateTime": facts.started,
            "issued": findings.created_at,
            "performer": [reference(performer)] if performer else None,
            "result": [reference(url) for url in observation_urls],
            "imagingStudy": [reference(study_url)],
            "media": [{"comment": CAPTION, "link": reference(url)} for url in media_urls],
            "conclusion": "\n".join(conclusion),
            "conclusionCode": _conclusion_codes(findings),
            "presentedForm": list(presented_forms),
        }
    )


def _predecessor(filing: Filing) -> Iterable[Resource]:
    if filing.predecessor:
        yield {"url": PREDECESSOR_EXTENSION, "valueReference": reference(filing.predecessor)}


def _conclusion_codes(findings: StudyFindings) -> list[Resource]:
    """Return the code of each finding that is present, the surest first; candidates have none."""
    ranked = sorted(findings.findings, key=lambda finding: (-finding.score, finding.code))
    codes = dict.fromkeys(finding.code for finding in ranked)
    return [finding_concept(code).codeable(finding_concept(code).label) for code in codes]
