"""Whom a report is about: a Patient the store knows, one it does not know, or nobody."""

from __future__ import annotations

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
    reference, which holds even where the store has no such Patient; without both the subject is
    only said to be unknown.
    """

    reference: str | None = None
    identifier: Identifier | None = None

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
    findings: StudyFindings, facts: StudyFacts, patient_id: str | None = None
) -> SubjectReference:
    """Return the subject of the study's report.

    ``patient_id`` is the FHIR id of the one Patient that carries :func:`patient_identifier`, if
    the store has it.
    """
    identifier = patient_identifier(findings, facts)
    if identifier is None:
        return SubjectReference()
    if patient_id:
        return SubjectReference(reference=f"Patient/{patient_id}", identifier=identifier)
    return SubjectReference(identifier=identifier)
