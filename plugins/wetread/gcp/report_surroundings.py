"""What a report refers to, found in the FHIR store, or created there once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wetread.core.alerts.rules import review_due_seconds
from wetread.core.fhir.directory import (
    directory_identifier,
    endpoint,
    model_devices,
    organization,
    wetread_device,
)
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.gate import check_resource
from wetread.core.fhir.subject import (
    SubjectReference,
    is_for,
    patient_identifier,
    subject_reference,
)
from wetread.core.fhir.surroundings import Surroundings

if TYPE_CHECKING:
    from wetread.core.fhir.study import StudyFacts
    from wetread.core.findings import StudyFindings
    from wetread.gcp.fhir import FhirClient


@dataclass(frozen=True)
class ReportSurroundings:
    """Looks up what one report refers to; ``subject`` names the study version in errors.

    People, and orders for them, are only found: nobody knows them from a DICOM header alone.
    Models, Wetread, the organization and the endpoint are created where they are missing, each by
    itself: a transaction that updated them would be refused whenever another one does
    (Cloud Healthcare API, "FHIR lock contention").

    Parameters
    ----------
    dicomweb_url
        Where the images are; absolute.
    organization_name
        Who answers for the results; empty: nobody is named.
    """

    fhir: FhirClient
    dicomweb_url: str
    organization_name: str
    subject: str

    def find(self, findings: StudyFindings, facts: StudyFacts) -> Surroundings:
        """Return the surroundings of a study's report.

        Raises
        ------
        PermanentError
            ``identifier-ambiguous``: several Devices, Organizations or Endpoints carry an
            identifier of ours. ``result-invalid``: a resource to be created breaks a rule.
        """
        subject = self._subject(findings, facts)
        issuer = self.organization_name
        return Surroundings(
            subject=subject,
            devices=self._devices(findings),
            assembler=self._ensured(wetread_device()),
            organization=self._ensured(organization(issuer)) if issuer else None,
            endpoint=self._ensured(endpoint(self.dicomweb_url)),
            service_request=self._service_request(facts, subject),
            dicomweb_url=self.dicomweb_url,
            due_seconds=review_due_seconds(),
        )

    def _subject(self, findings: StudyFindings, facts: StudyFacts) -> SubjectReference:
        identifier = patient_identifier(findings, facts)
        patients = (
            self.fhir.find_all("Patient", identifier.criterion, f"patient of {self.subject}")
            if identifier
            else []
        )
        return subject_reference(findings, facts, *(patient["id"] for patient in patients))

    def _service_request(self, facts: StudyFacts, subject: SubjectReference) -> str | None:
        """Return the one order of the accession number that is for the patient of the images.

        An accession number may stand for several orders (HL7 FHIR R4, ServiceRequest,
        "requisition"); which of them the images answer, only a person can tell.
        """
        if facts.accession is None:
            return None
        criterion, about = facts.accession.criterion, f"order of {self.subject}"
        orders = self.fhir.find_all("ServiceRequest", criterion, about)
        fitting = [order for order in orders if is_for(order, subject)]
        return _literal(fitting[0]) if len(fitting) == 1 else None

    def _devices(self, findings: StudyFindings) -> Mapping[tuple[str, str, str], str]:
        """Return the models' Devices; analyses that share a model share its Device."""
        devices = model_devices(findings)
        by_identifier = {directory_identifier(one): one for one in devices.values()}
        ensured = {name: self._ensured(one) for name, one in by_identifier.items()}
        return {model: ensured[directory_identifier(one)] for model, one in devices.items()}

    def _ensured(self, resource: Resource) -> str:
        kind, name = resource["resourceType"], directory_identifier(resource)
        about = f"{kind} of {self.subject}"
        check_resource(resource, about)
        return _literal(self.fhir.ensure(kind, name.criterion, resource, about))


def _literal(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
