"""What is read from the DICOM store's metadata."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.fhir.cases import STUDY_UID, ct_facts, ct_instance, dicom_json, study_findings

from wetread.core.dicom.ownership import MANUFACTURER
from wetread.core.fhir.identifiers import PATIENT_SYSTEM, Identifier
from wetread.core.fhir.site import Site
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
    subject = subject_reference(study_findings(), ct_facts(), "p-1")
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
    subject = subject_reference(study_findings(), facts, "p-1")
    assert subject.as_fhir() == {"type": "Patient", "display": NOT_IDENTIFIED}


def test_nobody_is_named_when_files_of_two_patients_arrived() -> None:
    findings = study_findings(outcomes=(InstanceOutcome("2.25.5", "2.25.4", "two-patients"),))
    subject = subject_reference(findings, ct_facts(), "p-1")
    assert subject.as_fhir() == {"type": "Patient", "display": NOT_IDENTIFIED}


def test_an_order_is_named_by_its_number_and_issuer() -> None:
    site = Site(accession_system="urn:oid:1.2.3")
    assert study_facts([ct_instance(1)], site).accession == Identifier("urn:oid:1.2.3", "A-778")
    issuer = dicom_json(x00400032="2.16.840.1.7", x00400033="ISO")
    issued = ct_instance(1, x00080051=issuer)
    assert study_facts([issued], site).accession == Identifier("urn:oid:2.16.840.1.7", "A-778")
    misnamed = ct_instance(1, x00080051=dicom_json(x00400032="clinic", x00400033="ISO"))
    assert study_facts([misnamed], site).accession == Identifier("urn:oid:1.2.3", "A-778")
    assert study_facts([ct_instance(1, x00080050=None)]).accession is None


def test_a_site_says_where_its_numbers_come_from() -> None:
    site = Site(patient_system="urn:oid:1.2.4")
    assert study_facts([ct_instance(1, x00100021=None)], site).patient == Identifier(
        "urn:oid:1.2.4", "PAT-1"
    )


@pytest.mark.parametrize(
    ("date", "time", "offset", "expected"),
    [
        ("20260722", "081500.25", None, "2026-07-22T08:15:00.25+02:00"),
        ("20261122", "0815", None, "2026-11-22T08:15:00+01:00"),
        ("20261122", "0815", "-0500", "2026-11-22T08:15:00-05:00"),
        ("20260329", "023000", None, "2026-03-29"),
        ("20261025", "023000", None, "2026-10-25"),
        ("18000101", "0815", None, "1800-01-01"),
        ("20261122", None, None, "2026-11-22"),
    ],
    ids=["summer", "winter", "offset wins", "skipped hour", "repeated hour", "local mean", "day"],
)
def test_times_without_an_offset_are_in_the_sites_zone(
    date: str, time: str | None, offset: str | None, expected: str
) -> None:
    assert dicom_datetime(date, time, offset, "Europe/Berlin") == expected


def test_a_series_has_the_one_side_of_its_images() -> None:
    def side(*instances: dict[str, Any]) -> str | None:
        return study_facts(instances).series[0].laterality

    assert side(ct_instance(1, x00200060="L"), ct_instance(2, x00200060="L")) == "L"
    assert side(ct_instance(1, x00200062="R", x00200060="L")) == "R"
    assert side(ct_instance(1, x00200062="R"), ct_instance(2, x00200062="L")) is None
    assert side(ct_instance(1, x00200060="L"), ct_instance(2)) is None


def test_a_series_is_described_with_its_own_time() -> None:
    instance = ct_instance(1, x00080021="20261122", x00080031="0820", x0008103E="Lung")
    (series,) = study_facts([instance]).series
    assert (series.started, series.description) == ("2026-11-22T08:20:00+01:00", "Lung")
