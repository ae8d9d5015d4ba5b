"""Transactions are atomic and rewrite references; batches are independent requests."""

from __future__ import annotations

import base64
import json
import time

import pytest
from tests.contract.fhir.fhir_client import (
    CONFORMANCE,
    DECISION,
    FHIR_METHODS,
    HTTP,
    SYSTEM,
    FhirClient,
    Json,
    entry,
    observation,
    patient,
    refer,
    unique,
    urn,
)

BUNDLES = f"{FHIR_METHODS}/executeBundle"
RATE_GOAL_PER_SECOND = 15.0


def by_identifier(resource_type: str, value: str) -> str:
    return f"{resource_type}?identifier={SYSTEM}|{value}"


def report(key: str) -> list[Json]:
    """A report as the pipeline writes it: everything conditional, references by ``urn:uuid``."""
    study, finding, subject, result = urn(), urn(), urn(), urn()
    return [
        entry(
            "PUT",
            by_identifier("DiagnosticReport", f"{key}-report"),
            {
                "resourceType": "DiagnosticReport",
                "status": "preliminary",
                "code": {"text": "CT chest"},
                "identifier": [{"system": SYSTEM, "value": f"{key}-report"}],
                "subject": refer(subject),
                "imagingStudy": [refer(study)],
                "result": [refer(finding)],
            },
            full_url=result,
        ),
        entry(
            "PUT",
            by_identifier("Observation", f"{key}-finding"),
            observation(f"{key}-finding", subject=refer(subject), derivedFrom=[refer(study)]),
            full_url=finding,
        ),
        entry(
            "PUT",
            by_identifier("ImagingStudy", f"{key}-study"),
            {
                "resourceType": "ImagingStudy",
                "status": "available",
                "identifier": [{"system": SYSTEM, "value": f"{key}-study"}],
                "subject": refer(subject),
            },
            full_url=study,
        ),
        entry(
            "POST",
            "Patient",
            patient(f"{key}-patient"),
            full_url=subject,
            ifNoneExist=f"identifier={SYSTEM}|{key}-patient",
        ),
    ]


def find(fhir: FhirClient, resource_type: str, value: str) -> Json:
    (found,) = fhir.search(resource_type, {"identifier": f"{SYSTEM}|{value}"}).resources
    return found


@pytest.mark.rule("fhir.transaction.response", BUNDLES)
def test_transaction_answers_every_entry_in_order(fhir: FhirClient) -> None:
    answer = fhir.transaction(*report(key := unique()))
    assert (answer.status, answer.body["type"]) == (200, "transaction-response")
    assert answer.statuses == ["201 Created"] * 4
    response = answer.body["entry"][1]["response"]
    stored = find(fhir, "Observation", f"{key}-finding")
    version = stored["meta"]["versionId"]
    assert response["etag"] == f'W/"{version}"'
    assert response["location"] == f"{fhir.base}/Observation/{stored['id']}/_history/{version}"
    assert response["lastModified"] == stored["meta"]["lastUpdated"]


@pytest.mark.rule("fhir.transaction.references", f"{HTTP}#trules")
def test_transaction_rewrites_references_at_any_depth(fhir: FhirClient) -> None:
    fhir.transaction(*report(key := unique()))
    study = find(fhir, "ImagingStudy", f"{key}-study")
    subject = f"Patient/{find(fhir, 'Patient', f'{key}-patient')['id']}"
    finding = find(fhir, "Observation", f"{key}-finding")
    diagnosis = find(fhir, "DiagnosticReport", f"{key}-report")
    assert study["subject"] == refer(subject)
    assert finding["derivedFrom"] == [refer(f"ImagingStudy/{study['id']}")]
    assert diagnosis["result"] == [refer(f"Observation/{finding['id']}")]


@pytest.mark.rule("fhir.transaction.references-in-extensions", CONFORMANCE)
def test_transaction_rewrites_references_in_extensions(fhir: FhirClient) -> None:
    subject, value = urn(), unique()
    extension = [{"url": "https://example.org/x", "valueReference": refer(subject)}]
    fhir.transaction(
        entry("POST", "Observation", observation(value, extension=extension)),
        entry("POST", "Patient", patient(), full_url=subject),
    )
    (stored,) = find(fhir, "Observation", value)["extension"]
    assert stored["valueReference"]["reference"].startswith("Patient/")


@pytest.mark.rule("fhir.transaction.conditional-replay", BUNDLES)
def test_repeated_conditional_transaction_changes_no_identity(fhir: FhirClient) -> None:
    fhir.transaction(*report(key := unique()))
    first = find(fhir, "DiagnosticReport", f"{key}-report")
    again = fhir.transaction(*report(key))
    second = find(fhir, "DiagnosticReport", f"{key}-report")
    assert again.statuses == ["200 OK"] * 4
    assert {**first, "meta": None} == {**second, "meta": None}


@pytest.mark.rule("fhir.transaction.atomic", BUNDLES)
def test_failed_transaction_leaves_nothing(fhir: FhirClient) -> None:
    key = unique()
    broken = entry("POST", "Observation", observation(subject=refer("Patient/absent")))
    answer = fhir.transaction(*report(key), broken)
    assert answer.status == 400
    assert "Bundle.entry[4]" in answer.issue["expression"][0]
    for url in (item["request"]["url"] for item in report(key)[:3]):
        resource_type, _, criterion = url.partition("?identifier=")
        assert not fhir.search(resource_type, {"identifier": criterion}).resources
    assert not fhir.search("Patient", {"identifier": f"{key}-patient"}).resources


@pytest.mark.rule("fhir.transaction.ambiguous", BUNDLES)
def test_transaction_with_an_ambiguous_criterion_is_412(fhir: FhirClient) -> None:
    value = unique()
    for _ in range(2):
        fhir.create(observation(value))
    other = unique()
    answer = fhir.transaction(
        entry("POST", "Patient", patient(other)),
        entry("PUT", by_identifier("Observation", value), observation(value)),
    )
    assert answer.status == 412
    assert not fhir.search("Patient", {"identifier": other}).resources


@pytest.mark.rule("fhir.transaction.if-match", f"{HTTP}#trules")
def test_transaction_honours_if_match(fhir: FhirClient) -> None:
    made = fhir.create(observation())
    url = f"Observation/{made.body['id']}"
    stale = fhir.transaction(entry("PUT", url, made.body, ifMatch='W/"MTAwMA"'))
    fresh = fhir.transaction(entry("PUT", url, made.body, ifMatch=made.headers["etag"]))
    assert (stale.status, fresh.status) == (412, 200)


@pytest.mark.rule("fhir.transaction.same-resource-twice", f"{HTTP}#trules")
def test_transaction_may_write_a_resource_only_once(fhir: FhirClient) -> None:
    value = unique()
    twice = [
        entry("PUT", by_identifier("Observation", value), observation(value)) for _ in range(2)
    ]
    assert fhir.transaction(*twice).status == 400
    assert not fhir.search("Observation", {"identifier": value}).resources


@pytest.mark.rule("fhir.transaction.order", f"{HTTP}#trules")
def test_transaction_deletes_before_it_creates(fhir: FhirClient) -> None:
    value = unique()
    old = fhir.create(observation(value)).body
    answer = fhir.transaction(
        entry("POST", "Observation", observation(value), ifNoneExist=f"identifier={value}"),
        entry("DELETE", f"Observation/{old['id']}"),
    )
    assert answer.statuses == ["201 Created", "200 OK"]
    assert find(fhir, "Observation", value)["id"] != old["id"]


@pytest.mark.rule("fhir.transaction.unresolved-urn", f"{HTTP}#trules")
def test_transaction_with_an_unknown_urn_fails(fhir: FhirClient) -> None:
    answer = fhir.transaction(entry("POST", "Observation", observation(subject=refer(urn()))))
    assert (answer.status, answer.issue["details"]["text"]) == (400, "reference_not_found")


@pytest.mark.rule("fhir.transaction.patch-and-read", BUNDLES)
def test_transaction_patches_and_reads(fhir: FhirClient) -> None:
    made = fhir.create(observation()).body
    url = f"Observation/{made['id']}"
    patch = json.dumps([{"op": "replace", "path": "/status", "value": "final"}]).encode()
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(patch).decode(),
    }
    answer = fhir.transaction(entry("GET", url), entry("PATCH", url, binary))
    assert answer.statuses == ["200 OK", "200 OK"]
    assert answer.body["entry"][0]["resource"]["status"] == "final"


@pytest.mark.rule("fhir.bundle.no-search", CONFORMANCE)
@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_bundle_may_not_search(fhir: FhirClient, kind: str) -> None:
    answer = fhir.bundle(kind, entry("GET", "Patient?active=true"))
    if kind == "batch":
        assert answer.statuses == ["400 Bad Request"]
    else:
        assert (answer.status, answer.issue["code"]) == (400, "not-supported")


@pytest.mark.rule("fhir.batch.independent", BUNDLES)
def test_batch_goes_on_after_a_failure(fhir: FhirClient) -> None:
    value = unique()
    answer = fhir.bundle(
        "batch",
        entry("POST", "Observation", {"resourceType": "Observation"}),
        entry("POST", "Observation", observation(value)),
        entry("GET", "Patient/absent"),
    )
    assert (answer.status, answer.body["type"]) == (200, "batch-response")
    assert answer.statuses == ["400 Bad Request", "201 Created", "404 Not Found"]
    outcome = answer.body["entry"][0]["response"]["outcome"]
    assert outcome["issue"][0]["code"] == "required"
    assert find(fhir, "Observation", value)


@pytest.mark.rule("fhir.batch.no-rewriting", CONFORMANCE)
def test_batch_never_rewrites_references(fhir: FhirClient) -> None:
    subject = urn()
    answer = fhir.bundle(
        "batch",
        entry("POST", "Patient", patient(), full_url=subject),
        entry("POST", "Observation", observation(subject=refer(subject))),
    )
    assert answer.statuses == ["201 Created", "400 Bad Request"]


@pytest.mark.rule("fhir.bundle.type", BUNDLES)
def test_other_bundle_types_are_refused(fhir: FhirClient) -> None:
    assert fhir.bundle("collection").status == 400


@pytest.mark.rule("fhir.bundle.entry-limit", "https://cloud.google.com/healthcare-api/quotas")
def test_bundle_has_an_entry_limit(fhir: FhirClient) -> None:
    answer = fhir.bundle("transaction", *[entry("GET", "Patient/x")] * 4501)
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")


@pytest.mark.rule("fhir.transaction.rate", DECISION)
def test_ten_entry_transactions_keep_up_with_the_pipeline(fhir: FhirClient) -> None:
    count = 10
    started = time.monotonic()
    for _ in range(count):
        values = [unique() for _ in range(10)]
        answer = fhir.transaction(
            *[entry("PUT", by_identifier("Observation", v), observation(v)) for v in values]
        )
        assert answer.status == 200
    assert count / (time.monotonic() - started) >= RATE_GOAL_PER_SECOND
