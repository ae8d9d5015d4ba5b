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
from wetread.core.findings import AnalysisSource, Candidate, Finding
from wetread.core.terminology import system

BASE: Final = "https://wetread.example.org/fhir"
RESULT_SYSTEM: Final = f"{BASE}/NamingSystem/ai-result"
MODEL_SYSTEM: Final = f"{BASE}/NamingSystem/ai-model"
ACCESSION_SYSTEM: Final = f"{BASE}/NamingSystem/accession-number"
PATIENT_SYSTEM: Final = f"{BASE}/NamingSystem/patient-id"
REGION_EXTENSION: Final = f"{BASE}/StructureDefinition/image-region"

_FULL_URL_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, BASE)
_DIGEST_LENGTH: Final = 32
"""128 bits: enough that no two results ever share an identifier."""


@dataclass(frozen=True)
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

    def conditional_url(self, resource_type: str) -> str:
        """Return the URL of a conditional update.

        Cloud Healthcare API lets conditions search by identifier only, which it indexes
        synchronously (Healthcare API, "FHIR search: consistency").
        """
        return f"{resource_type}?identifier={quote(self.criterion, safe=':/')}"


def _search_escaped(text: str) -> str:
    return re.sub(r"([\\,$|])", r"\\\1", text)


def study_identifier(study_instance_uid: str) -> Identifier:
    """Return the ImagingStudy's identifier (FHIR R4, ImagingStudy, "DICOM mapping")."""
    return Identifier(system("dicom_uid"), f"urn:oid:{study_instance_uid}")


def model_identifier(source: AnalysisSource) -> Identifier:
    """Return the identifier of the model that a finding comes from."""
    return Identifier(MODEL_SYSTEM, f"{source.name}/{source.version}")


def report_identifier(study_instance_uid: str, settings_digest: str) -> Identifier:
    """Return the report's identifier.

    It does not depend on the analyses, so that a report whose missing analysis is completed later
    stays one report.
    """
    return _result("report", study_instance_uid, settings_digest)


def observation_identifier(
    study_instance_uid: str, source: AnalysisSource, seen: Finding | Candidate, occurrence: int
) -> Identifier:
    """Return the identifier of a finding or candidate.

    It says where the finding is and not how sure the model was. ``occurrence`` counts those of the
    study that agree in all of that, from 0.
    """
    return _result(
        "observation",
        study_instance_uid,
        source.identity,
        str(seen.kind),
        seen.code if isinstance(seen, Finding) else seen.label,
        seen.image.sop_instance_uid,
        seen.image.frame_number,
        asdict(seen.region) if seen.region else None,
        occurrence,
    )


def _result(role: str, *parts: object) -> Identifier:
    return Identifier(RESULT_SYSTEM, digest([role, *parts])[:_DIGEST_LENGTH])
