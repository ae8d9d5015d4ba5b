"""What is stored is R4, and refers to what exists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from tests.contract.fhir.fhir_client import (
    CONFORMANCE,
    FHIR_METHODS,
    FHIR_STORES,
    INTEGRITY,
    FhirClient,
    entry,
    observation,
    patient,
    refer,
    unique,
)


@pytest.mark.rule("fhir.validation.structure", CONFORMANCE)
@pytest.mark.parametrize(
    ("elements", "place"),
    [
        ({"nonsense": 1}, "Observation"),
        ({"status": 7}, "Observation.status"),
        ({"subject": "Patient/1"}, "Observation.subject"),
        ({"identifier": {"value": "x"}}, "Observation.identifier"),
        ({"effectiveDateTime": "2026-13-01"}, "Observation.effectiveDateTime"),
        ({"valueString": "a", "valueInteger": 1}, "Observation"),
        ({"component": [{"code": {}, "valueBoolean": "yes"}]}, "component[0].valueBoolean"),
    ],
    ids=str,
)
def test_malformed_resources_are_refused(
    fhir: FhirClient, elements: dict[str, Any], place: str
) -> None:
    answer = fhir.create(observation(**elements))
    assert answer.status == 400
    assert answer.issue["code"] == "structure"
    assert answer.issue["details"]["text"] == "unparseable_resource"
    assert answer.issue["expression"][0].endswith(place)


@pytest.mark.rule("fhir.validation.required", CONFORMANCE)
@pytest.mark.parametrize(
    ("resource", "missing"),
    [
        ({"resourceType": "Observation", "status": "final"}, "Observation.code"),
        ({"resourceType": "DiagnosticReport", "code": {}}, "DiagnosticReport.status"),
        ({"resourceType": "ImagingStudy", "status": "available"}, "ImagingStudy.subject"),
        ({"resourceType": "Task", "status": "requested"}, "Task.intent"),
        ({"resourceType": "Communication"}, "Communication.status"),
    ],
    ids=str,
)
def test_required_elements(fhir: FhirClient, resource: dict[str, Any], missing: str) -> None:
    answer = fhir.create(resource)
    assert (answer.status, answer.issue["code"]) == (400, "required")
    assert answer.issue["expression"] == [missing]


@pytest.mark.rule("fhir.store.disableRequiredFieldValidation", FHIR_STORES)
def test_required_elements_can_be_waived(new_store: Callable[..., FhirClient]) -> None:
    store = new_store(validationConfig={"disableRequiredFieldValidation": True})
    assert store.create({"resourceType": "Observation"}).status == 201


@pytest.mark.rule("fhir.validation.terminology-not-enforced", CONFORMANCE)
def test_codes_of_bindings_are_not_checked(fhir: FhirClient) -> None:
    assert fhir.create(observation(status="unheard-of")).status == 201


@pytest.mark.rule("fhir.validation.reference-type", FHIR_STORES)
def test_reference_to_a_wrong_type_is_refused(fhir: FhirClient) -> None:
    made = fhir.create(observation()).body
    answer = fhir.create(observation(subject=refer(f"Observation/{made['id']}")))
    assert (answer.status, answer.issue["expression"]) == (400, ["Observation.subject"])


@pytest.mark.rule("fhir.validation.resource-type", f"{FHIR_METHODS}/create")
def test_unknown_and_mismatched_types_are_refused(fhir: FhirClient) -> None:
    unknown = fhir.create({"resourceType": "Patiant"})
    assert (unknown.status, unknown.issue["details"]["text"]) == (400, "bad_resource_type")
    headers = {"Content-Type": "application/fhir+json"}
    answer = requests.post(f"{fhir.base}/Device", json=patient(), headers=headers, timeout=30)
    assert answer.status_code == 400


@pytest.mark.rule("fhir.validation.no-values-in-errors", CONFORMANCE)
def test_errors_do_not_quote_values(fhir: FhirClient) -> None:
    answer = fhir.create(patient(birthDate="Secret-Date", gender="female"))
    assert answer.status == 400
    assert "Secret" not in str(answer.body)


@pytest.mark.rule("fhir.validate", f"{FHIR_METHODS}/Resource-validate")
def test_validate_checks_without_storing(fhir: FhirClient) -> None:
    value = unique()
    assert fhir.validate(observation(value), "Observation").issue["severity"] == "information"
    assert not fhir.search("Observation", {"identifier": value}).ids
    assert fhir.validate({"resourceType": "Observation"}, "Observation").status == 400


@pytest.mark.rule("fhir.integrity.dangling", INTEGRITY)
def test_reference_to_nothing_is_refused(fhir: FhirClient) -> None:
    answer = fhir.create(observation(subject=refer("Patient/absent")))
    assert (answer.status, answer.issue["details"]["text"]) == (400, "reference_not_found")
    absolute = fhir.create(observation(subject=refer(f"{fhir.base}/Patient/absent")))
    assert absolute.status == 400


@pytest.mark.rule("fhir.integrity.exclusions", INTEGRITY)
@pytest.mark.parametrize(
    "reference",
    [
        {"identifier": {"system": "https://example.org/mrn", "value": "1"}},
        {"display": "somebody"},
        {"reference": "https://elsewhere.example.org/fhir/Patient/1"},
    ],
    ids=str,
)
def test_references_that_are_not_literal_and_local_are_not_checked(
    fhir: FhirClient, reference: dict[str, Any]
) -> None:
    assert fhir.create(observation(subject=reference)).status == 201


@pytest.mark.rule("fhir.integrity.version", INTEGRITY)
def test_reference_to_a_version_wants_that_version(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    name = f"Patient/{made['id']}/_history"
    right = fhir.create(observation(subject=refer(f"{name}/{made['meta']['versionId']}")))
    wrong = fhir.create(observation(subject=refer(f"{name}/MTAwMA")))
    assert (right.status, wrong.status) == (201, 400)


@pytest.mark.rule("fhir.integrity.delete", INTEGRITY)
def test_what_is_referenced_cannot_be_deleted(fhir: FhirClient) -> None:
    subject = f"Patient/{fhir.create(patient()).body['id']}"
    finding = f"Observation/{fhir.create(observation(subject=refer(subject))).body['id']}"
    assert fhir.delete(subject).status == 409
    assert fhir.read(subject).status == 200
    together = fhir.transaction(entry("DELETE", subject), entry("DELETE", finding))
    assert together.status == 200
    assert fhir.read(subject).status == 410


@pytest.mark.rule("fhir.integrity.extensions", INTEGRITY)
def test_references_in_extensions_count_unless_disabled(
    fhir: FhirClient, new_store: Callable[..., FhirClient]
) -> None:
    extension = [{"url": "https://example.org/x", "valueReference": refer("Patient/absent")}]
    assert fhir.create(observation(extension=extension)).status == 400
    lenient = new_store(complexDataTypeReferenceParsing="DISABLED")
    assert lenient.create(observation(extension=extension)).status == 201


@pytest.mark.rule("fhir.integrity.disabled", FHIR_STORES)
def test_integrity_can_be_disabled(new_store: Callable[..., FhirClient]) -> None:
    store = new_store(disableReferentialIntegrity=True)
    assert store.create(observation(subject=refer("Patient/absent"))).status == 201


@pytest.mark.rule("fhir.contained", INTEGRITY)
def test_reference_to_a_contained_resource_wants_it(fhir: FhirClient) -> None:
    device = {"resourceType": "Device", "id": "model"}
    right = fhir.create(observation(contained=[device], device=refer("#model")))
    wrong = fhir.create(observation(device=refer("#model")))
    assert (right.status, wrong.status) == (201, 400)


def _nested_extensions(depth: int) -> list[dict[str, Any]]:
    nested: list[dict[str, Any]] = []
    for _ in range(depth):
        nested = [{"url": "https://example.org/x", "extension": nested}]
    return nested


@pytest.mark.rule("fhir.validation.hostile-input", CONFORMANCE)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"resourceType": ["Patient"]}',
        b'{"resourceType": "Patient", "active": NaN}',
        b'{"resourceType": "Patient", "language": "\xff"}',
        b'{"resourceType": "Patient", "language": "\\ud800"}',
        b'{"resourceType": "Patient", "birthDate": "2026-02-30"}',
        b'{"resourceType": "Patient", "name": [[]]}',
        b'{"resourceType": "Observation", "status": "x", "code": {},'
        b' "valueQuantity": {"value": 1e999}}',
        json.dumps({"resourceType": "Patient", "extension": _nested_extensions(200)}).encode()[:-9],
        json.dumps({"resourceType": "Patient", "extension": _nested_extensions(300)}).encode(),
    ],
    ids=lambda body: str(body[:60]),
)
def test_hostile_bodies_are_the_clients_fault(fhir: FhirClient, body: bytes) -> None:
    resource_type = "Observation" if b"Observation" in body else "Patient"
    headers = {"Content-Type": "application/fhir+json"}
    url = f"{fhir.base}/{resource_type}"
    answer = requests.post(url, data=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


@pytest.mark.rule("fhir.validation.null-accepted", CONFORMANCE)
def test_nulls_and_the_end_of_time_are_accepted(fhir: FhirClient) -> None:
    made = fhir.create(
        observation(code=None, category=[{"coding": None}], effectivePeriod={"end": "9999-12-31"})
    )
    assert made.status == 201
    assert made.body["id"] in fhir.search("Observation", {"date": "gt2999"}).ids
