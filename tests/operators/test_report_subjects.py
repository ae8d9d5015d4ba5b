"""Whom a report is about and which order it answers: found without doubt, or said to be unknown."""

from __future__ import annotations

import io
import json
import uuid
from itertools import count
from typing import Any

import pydicom
import pytest
import requests
from tests.operators.pipeline import Pipeline
from tests.operators.test_faults import study_of_its_own

from samples import SampleFile

SYSTEM = "urn:hospital:numbers"
_numbers = count(9000)

Resource = dict[str, Any]
FHIR = "application/fhir+json"


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    site = {"quiet_period_seconds": 1, "patient_system": SYSTEM, "accession_system": SYSTEM}
    monkeypatch.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", json.dumps(site))
    monkeypatch.setattr("wetread.operators.study_claim._PULL_SECONDS", 0.1)


class Visit:
    """One image of one patient, which answers one order; both numbers are new."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.run_id = ""
        self.patient, self.accession = f"P{uuid.uuid4().hex[:8]}", f"A{uuid.uuid4().hex[:8]}"

    def report(self) -> Resource:
        """Send the image and read it; return the report."""
        number = next(_numbers)
        _, files = study_of_its_own(number)
        dataset, stream = pydicom.dcmread(io.BytesIO(files[0].content)), io.BytesIO()
        dataset.PatientID, dataset.AccessionNumber = self.patient, self.accession
        dataset.pop("IssuerOfPatientID", None)
        dataset.save_as(stream)
        self.pipeline.upload(f"visit-{number}", [SampleFile("image.dcm", stream.getvalue())])
        (self.run_id,) = self.pipeline.intake()
        return self.read()

    def read(self) -> Resource:
        """Read the image that was sent; return the report."""
        results = self.pipeline.run(self.run_id, without=("write_dicom_results", "raise_alert"))
        assert not [result for result in results.values() if isinstance(result, Exception)]
        return self.pipeline.report(self.run_id)

    def admit(self, number: str | None = None) -> str:
        """Create a Patient; return the reference."""
        identifier = {"system": SYSTEM, "value": number or self.patient}
        return self._create({"resourceType": "Patient", "identifier": [identifier]})

    def order(self, subject: Resource) -> str:
        """Create an order of the accession number for somebody; return the reference."""
        return self._create(
            {
                "resourceType": "ServiceRequest",
                "identifier": [{"system": SYSTEM, "value": self.accession}],
                "status": "active",
                "intent": "order",
                "subject": subject,
            }
        )

    def _create(self, resource: Resource) -> str:
        answer = requests.post(
            f"{self.pipeline.fhir_url}/{resource['resourceType']}",
            json=resource,
            headers={"Content-Type": FHIR},
            timeout=30,
        )
        answer.raise_for_status()
        return f"{resource['resourceType']}/{answer.json()['id']}"


@pytest.fixture
def visit(shared_pipeline: Pipeline) -> Visit:
    return Visit(shared_pipeline)


def test_the_patient_and_the_order_are_referred_to(visit: Visit) -> None:
    patient = visit.admit()
    order = visit.order({"reference": patient})
    report = visit.report()
    assert report["subject"] == {"reference": patient}
    assert report["basedOn"] == [{"reference": order}]
    assert "not found" not in report["conclusion"]


def test_of_several_orders_of_a_number_the_one_of_the_patient_is_referred_to(visit: Visit) -> None:
    """Numbers come back; one order of the two is for the patient of the images."""
    patient, another = visit.admit(), visit.admit(uuid.uuid4().hex)
    visit.order({"reference": another})
    order = visit.order({"reference": patient})
    assert visit.report()["basedOn"] == [{"reference": order}]


def test_two_patients_of_one_number_do_not_fail_the_report_which_says_so(visit: Visit) -> None:
    visit.order({"reference": visit.admit()})
    visit.admit()
    report = visit.report()
    assert "reference" not in report["subject"]
    assert report["subject"]["identifier"]["value"] == visit.patient
    assert "basedOn" not in report
    assert "Patient not found: several in the record" in report["conclusion"]


def test_two_orders_of_one_number_do_not_fail_the_report_which_says_so(visit: Visit) -> None:
    patient = visit.admit()
    for _ in range(2):
        visit.order({"reference": patient})
    report = visit.report()
    assert "basedOn" not in report
    assert "Order not found: no single order of the patient" in report["conclusion"]


@pytest.mark.parametrize("is_patient_known", [True, False])
def test_an_order_for_somebody_else_is_never_that_of_the_images(
    visit: Visit, is_patient_known: bool
) -> None:
    if is_patient_known:
        visit.admit()
    visit.order({"reference": visit.admit(uuid.uuid4().hex)})
    report = visit.report()
    assert "basedOn" not in report
    assert "Order not found" in report["conclusion"]


def test_an_order_that_names_the_patient_by_number_is_referred_to(visit: Visit) -> None:
    order = visit.order({"identifier": {"system": SYSTEM, "value": visit.patient}})
    assert visit.report()["basedOn"] == [{"reference": order}]


def test_what_other_systems_wrote_into_the_imaging_study_stays(visit: Visit) -> None:
    url = f"{visit.pipeline.fhir_url}/{visit.report()['imagingStudy'][0]['reference']}"
    theirs = {
        "note": [{"text": "Seen in the conference."}],
        "reasonCode": [{"text": "Cough"}],
        "meta": {"security": [{"system": "https://hospital.example.org/labels", "code": "R"}]},
    }
    number = {"system": "https://ris.example.org/number", "value": visit.accession}
    study = requests.get(url, timeout=30).json()
    changed = {**study, **theirs, "identifier": [*study["identifier"], number]}
    requests.put(url, json=changed, headers={"Content-Type": FHIR}, timeout=30).raise_for_status()

    visit.read()

    after = requests.get(url, timeout=30).json()
    assert {name: after[name] for name in ("note", "reasonCode")} == {
        name: theirs[name] for name in ("note", "reasonCode")
    }
    assert after["meta"]["security"] == theirs["meta"]["security"]
    assert after["identifier"] == changed["identifier"]
    assert after["series"] == study["series"]
