"""The names of what Wetread writes: the same study, model and settings always get the same ones.

They are made of the StudyInstanceUID, which stays, and not of the study key, whose secret rotates.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import quote

from wetread.core.canonical import digest
from wetread.core.findings import (
    Absence,
    AnalysisFindings,
    AnalysisSource,
    Candidate,
    Finding,
    StudyFindings,
)
from wetread.core.terminology import system

BASE: Final = "https://wetread.example.org/fhir"
RESULT_SYSTEM: Final = f"{BASE}/NamingSystem/ai-result"
STUDY_SYSTEM: Final = f"{BASE}/NamingSystem/ai-study"
CONTENT_SYSTEM: Final = f"{BASE}/NamingSystem/ai-content"
MANIFEST_SYSTEM: Final = f"{BASE}/NamingSystem/manifest-digest"
MODEL_SYSTEM: Final = f"{BASE}/NamingSystem/ai-model"
SOFTWARE_SYSTEM: Final = f"{BASE}/NamingSystem/software"
ORGANIZATION_SYSTEM: Final = f"{BASE}/NamingSystem/organization"
ENDPOINT_SYSTEM: Final = f"{BASE}/NamingSystem/endpoint"
ACCESSION_SYSTEM: Final = f"{BASE}/NamingSystem/accession-number"
PATIENT_SYSTEM: Final = f"{BASE}/NamingSystem/patient-id"
REGION_EXTENSION: Final = f"{BASE}/StructureDefinition/image-region"
PREDECESSOR_EXTENSION: Final = f"{BASE}/StructureDefinition/predecessor"

_FULL_URL_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, BASE)
_CLIENT_ID_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, f"{BASE}/id")
_DIGEST_LENGTH: Final = 32
"""128 bits: enough that no two results ever share an identifier."""


@dataclass(frozen=True, order=True)
class Identifier:
    """A business identifier, by which a resource is found, updated and referred to."""

    system: str
    value: str

    def as_fhir(self) -> dict[str, Any]:
        return {"system": self.system, "value": self.value}

    @property
    def criterion(self) -> str:
        """The value of the search parameter ``identifier``, before URL encoding.

        A patient's number may hold any character; an unescaped comma would mean "or", and find
        somebody else (FHIR R4, Search, "Escaping search parameters").
        """
        return f"{_search_escaped(self.system)}|{_search_escaped(self.value)}"

    @property
    def full_url(self) -> str:
        """The ``urn:uuid`` that stands for the resource inside one transaction."""
        return f"urn:uuid:{uuid.uuid5(_FULL_URL_NAMESPACE, f'{self.system}|{self.value}')}"

    @property
    def condition(self) -> str:
        """The search that a conditional create or update depends on.

        Cloud Healthcare API lets conditions search by identifier only, which it indexes
        synchronously (Healthcare API, "FHIR search: consistency").
        """
        return f"identifier={quote(self.criterion, safe=':/')}"

    def conditional_url(self, resource_type: str) -> str:
        """Return the URL of a conditional update."""
        return f"{resource_type}?{self.condition}"


def _search_escaped(text: str) -> str:
    return re.sub(r"([\\,$|])", r"\\\1", text)


def study_identifier(study_instance_uid: str) -> Identifier:
    """Return the ImagingStudy's identifier (FHIR R4, ImagingStudy, "DICOM mapping")."""
    return Identifier(system("dicom_uid"), f"urn:oid:{study_instance_uid}")


def model_identifier(source: AnalysisSource) -> Identifier:
    """Return the identifier of the version of a model that a finding comes from.

    Other weights or another container are another model, whatever version it gives itself.
    """
    named = f"{source.name}/{source.version}"
    made_of = [source.weights_digest, source.container]
    return Identifier(MODEL_SYSTEM, f"{named}/{_short(made_of)}" if any(made_of) else named)


def report_identifier(report_id: str, edition: int = 0) -> Identifier:
    """Return the identifier of one edition of a report, by which it is written and found.

    ``report_id`` names the lineage: the study, the settings and the models that opened it, and not
    what they found.
    """
    return Identifier(RESULT_SYSTEM, _short(["report", report_id, edition]))


def family_identifier(study_instance_uid: str) -> Identifier:
    """Return the identifier that all reports and Tasks of a study carry.

    A search by it alone finds them all, and finds what was just written: the service indexes
    identifiers synchronously (Healthcare API, "FHIR search: consistency").
    """
    return Identifier(STUDY_SYSTEM, _short(["study", study_instance_uid]))


def content_identifier(findings: StudyFindings) -> Identifier:
    """Return the identifier of what was found, whichever version of the study found it.

    Two results with the same content are the same result: a decision about one holds for the
    other.
    """
    content = [
        "content",
        findings.study_instance_uid,
        findings.manifest_digest,
        sorted([str(analysis.name), analysis.digest] for analysis in findings.analyses),
        sorted(str(name) for name in findings.missing),
        sorted([o.series_instance_uid, o.sop_instance_uid, o.reason] for o in findings.outcomes),
    ]
    return Identifier(CONTENT_SYSTEM, _short(content))


def task_identifier(report: Identifier, content: Identifier) -> Identifier:
    """Return the identifier of the review of one content of one report."""
    return Identifier(RESULT_SYSTEM, _short(["review", report.value, content.value]))


def media_identifier(report: Identifier, analysis: AnalysisFindings) -> Identifier:
    """Return the identifier of an analysis' key image in one report."""
    parts = ["media", report.value, analysis.source.identity, str(analysis.name)]
    return Identifier(RESULT_SYSTEM, _short(parts))


def observation_identifier(
    report: Identifier,
    analysis: AnalysisFindings,
    seen: Finding | Candidate | Absence,
    occurrence: int,
) -> Identifier:
    """Return the identifier of a finding, candidate or absence of one report.

    It says where the finding is and not how sure the model was. ``occurrence`` counts those of the
    report that agree in all of that, from 0.
    """
    parts = ["observation", report.value, analysis.source.identity, *_place(analysis, seen)]
    return Identifier(RESULT_SYSTEM, _short([*parts, occurrence]))


def client_id(report: Identifier, content: Identifier, role: str) -> str:
    """Return the id of a resource that cannot be found by identifier (Provenance, Binary).

    Ids stand in audit logs and notifications: nothing leads from this one to a patient.
    """
    return str(uuid.uuid5(_CLIENT_ID_NAMESPACE, f"{role}|{report.value}|{content.value}"))


def _place(
    analysis: AnalysisFindings, seen: Finding | Candidate | Absence
) -> list[str | int | dict[str, float] | None]:
    if isinstance(seen, Absence):
        return ["absence", seen.code, analysis.series_instance_uid]
    return [
        str(seen.kind),
        seen.code if isinstance(seen, Finding) else seen.label,
        seen.image.sop_instance_uid,
        seen.image.frame_number,
        asdict(seen.region) if seen.region else None,
    ]


def _short(parts: list[Any]) -> str:
    return digest(parts)[:_DIGEST_LENGTH]
