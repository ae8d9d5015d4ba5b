"""Whom a report is about: a Patient the store knows, one it does not know, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wetread.core.fhir.identifiers import Identifier
from wetread.core.fhir.study import StudyFacts
from wetread.core.findings import StudyFindings
from wetread.core.terminology import concept

NOT_IDENTIFIED: Final = "Patient not identified"
_TWO_PATIENTS: Final = "two-patients"


@dataclass(frozen=True)
class SubjectReference:
    """The subject of every resource of one report.

    ``reference`` is literal (``Patient/<id>``); without it ``identifier`` makes a logical
    reference, which holds even where the store has no such Patient, or several; without both the
    subject is only said to be unknown.
    """

    reference: str | None = None
    identifier: Identifier | None = None
    is_ambiguous: bool = False

    def as_fhir(self) -> dict[str, Any]:
        if self.reference:
            return {"reference": self.reference}
        if self.identifier:
            number = {"type": concept("patient-number").codeable(), **self.identifier.as_fhir()}
            return {"type": "Patient", "identifier": number}
        return {"type": "Patient", "display": NOT_IDENTIFIED}


def patient_identifier(findings: StudyFindings, facts: StudyFacts) -> Identifier | None:
    """Return the one patient that the study is safely about.

    None when the study names none, or when files of two patients arrived under its UID: whatever
    of it is stored may then belong to either.
    """
    if any(outcome.reason == _TWO_PATIENTS for outcome in findings.outcomes):
        return None
    return facts.patient


def subject_reference(
    findings: StudyFindings, facts: StudyFacts, *patient_ids: str
) -> SubjectReference:
    """Return the subject of the study's report.

    ``patient_ids`` are the FHIR ids of the Patients that carry :func:`patient_identifier`; which of
    several it is, only a person can tell.
    """
    identifier = patient_identifier(findings, facts)
    if identifier is None:
        return SubjectReference()
    if len(patient_ids) != 1:
        return SubjectReference(identifier=identifier, is_ambiguous=bool(patient_ids))
    return SubjectReference(f"Patient/{patient_ids[0]}", identifier)


def is_for(order: Mapping[str, Any], subject: SubjectReference) -> bool:
    """Tell whether an order is for the patient of the images, by reference or by number.

    An order for somebody whose number is not that of the images must not lead there.
    """
    ordered_for = order.get("subject", {})
    if "reference" in ordered_for:
        return bool(ordered_for["reference"] == subject.reference)
    number = ordered_for.get("identifier", {})
    return subject.identifier == Identifier(number.get("system", ""), number.get("value", ""))
