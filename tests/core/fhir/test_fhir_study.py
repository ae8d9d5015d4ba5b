"""What is read from the DICOM store's metadata."""

from __future__ import annotations

import pytest
from tests.core.fhir.cases import STUDY_UID, ct_facts, ct_instance, dicom_json, study_findings

from wetread.core.dicom.ownership import MANUFACTURER
from wetread.core.fhir.identifiers import PATIENT_SYSTEM, Identifier
from wetread.core.fhir.study import StudyFacts, study_facts
from wetread.core.fhir.subject import NOT_IDENTIFIED, subject_reference
from wetread.core.fhir.times import dicom_datetime
from wetread.core.findings import InstanceOutcome

PATIENT = Identifier(f"{PATIENT_SYSTEM}/Hospital%20A", "PAT-1")


def test_instances_are_ordered_by_number() -> None:
    facts = ct_facts()
    assert facts.study_instance_uid == STUDY_UID
    assert [i.number for i in facts.series[0].instances] == [1, 2, 3]
    assert (facts.modalities, facts.body_parts) == (("CT",), ("CHEST",))
    assert facts.instance_count == 3


def test_own_objects_do_not_count() -> None:
    own = ct_instance(4, x00080070=MANUFACTURER, x0020000E="2.25.9", x00080060="SR")
    assert study_facts([ct_instance(1), own]) == study_facts([ct_instance(1)])


def test_an_empty_store_has_no_facts() -> None:
    assert study_facts([]) == StudyFacts()


def test_the_same_instance_twice_counts_once() -> None:
    assert study_facts([ct_instance(1), ct_instance(1)]).instance_count == 1


@pytest.mark.parametrize(
    ("date", "time", "offset", "expected"),
    [
        ("20261122", "081500", "+0100", "2026-11-22T08:15:00+01:00"),
        ("20261122", "081500.123456", "-0330", "2026-11-22T08:15:00.123456-03:30"),
        ("20261122", "0815", "+0000", "2026-11-22T08:15:00+00:00"),
        ("20261122", "081500", None, "2026-11-22"),  # FHIR wants a zone with a time
        ("20261122", "08", "+0100", "2026-11-22"),  # FHIR wants minutes
        ("20261122", "081560", "+0100", "2026-11-22"),
        ("20261122", "081500", "+1500", "2026-11-22"),
        ("20261122", None, "+0100", "2026-11-22"),
        ("20260229", "081500", "+0100", None),
        ("2026112", "081500", "+0100", None),
        ("\u0662\u0660\u0662\u0666\u0661\u0661\u0662\u0662", "081500", "+0100", None),
        (None, "081500", "+0100", None),
    ],
)
def test_times_become_only_as_exact_as_they_are(
    date: str | None, time: str | None, offset: str | None, expected: str | None
) -> None:
    assert dicom_datetime(date, time, offset) == expected


def test_the_issuer_is_part_of_the_patient() -> None:
    elsewhere = ct_instance(1, x00100021="Hospital B")
    nowhere = ct_instance(1, x00100021=None)
    assert study_facts([ct_instance(1)]).patient == PATIENT
    assert study_facts([elsewhere]).patient != PATIENT
    assert study_facts([nowhere]).patient == Identifier(PATIENT_SYSTEM, "PAT-1")


def test_a_universal_issuer_comes_first() -> None:
    qualifiers = dicom_json(x00400032="1.2.276.0.99", x00400033="ISO")
    facts = study_facts([ct_instance(1, x00100024=qualifiers)])
    assert facts.patient == Identifier("urn:oid:1.2.276.0.99", "PAT-1")


def test_the_subject_is_literal_when_the_store_knows_the_patient() -> None:
    subject = subject_reference(study_findings(), ct_facts(), patient_id="p-1")
    assert subject.as_fhir() == {"reference": "Patient/p-1"}


def test_the_subject_is_logical_when_the_store_does_not() -> None:
    subject = subject_reference(study_findings(), ct_facts()).as_fhir()
    assert subject["identifier"]["system"] == PATIENT.system
    assert subject["identifier"]["value"] == PATIENT.value


@pytest.mark.parametrize(
    "facts",
    [
        StudyFacts(),
        study_facts([ct_instance(1, x00100020=None)]),
        study_facts([ct_instance(1), ct_instance(2, x00100020="PAT-2")]),
    ],
    ids=["nothing stored", "no patient id", "two patient ids"],
)
def test_nobody_is_named_when_it_is_not_certain_who_it_is(facts: StudyFacts) -> None:
    subject = subject_reference(study_findings(), facts, patient_id="p-1")
    assert subject.as_fhir() == {"type": "Patient", "display": NOT_IDENTIFIED}


def test_nobody_is_named_when_files_of_two_patients_arrived() -> None:
    findings = study_findings(outcomes=(InstanceOutcome("2.25.5", "2.25.4", "two-patients"),))
    subject = subject_reference(findings, ct_facts(), patient_id="p-1")
    assert subject.as_fhir() == {"type": "Patient", "display": NOT_IDENTIFIED}
