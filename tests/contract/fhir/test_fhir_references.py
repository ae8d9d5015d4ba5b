"""References: by search, by name of the store, by URN; what they may point to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.fhir.fhir_client import (
    REFERENCES,
    SYSTEM,
    FhirClient,
    entry,
    observation,
    patient,
    refer,
    unique,
    urn,
)

CONDITIONAL = f"{REFERENCES}#conditional_references"
LOCAL = f"{REFERENCES}#local_resource_reference"


def about(reference: str) -> dict[str, Any]:
    return entry("POST", "Observation", observation(subject=refer(reference)))


def subjects(fhir: FhirClient) -> set[str]:
    return {item["subject"]["reference"] for item in fhir.search("Observation").resources}


@pytest.mark.rule("fhir.reference.conditional", CONDITIONAL)
@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_reference_by_search_becomes_the_name_of_its_match(
    new_store: Callable[..., FhirClient], kind: str
) -> None:
    fhir, value = new_store(), unique()
    made = fhir.create(patient(value, name=[{"family": "Solo"}])).body["id"]
    answer = fhir.bundle(
        kind, about(f"Patient?identifier={SYSTEM}|{value}"), about("Patient?family=Solo")
    )
    assert answer.statuses == ["201 Created"] * 2
    assert subjects(fhir) == {f"Patient/{made}"}


@pytest.mark.rule("fhir.reference.conditional-not-one", CONDITIONAL)
@pytest.mark.parametrize("integrity", [True, False])
def test_a_reference_by_search_needs_exactly_one_match(
    new_store: Callable[..., FhirClient], integrity: bool
) -> None:
    fhir, value = new_store(disableReferentialIntegrity=not integrity), unique()
    query = f"Patient?identifier={value}"
    assert fhir.transaction(about(query)).status == 400
    for _ in range(2):
        fhir.create(patient(value))
    assert fhir.transaction(about(query)).status == 412
    (failed,) = fhir.bundle("batch", about(query)).statuses
    assert failed.startswith("412")
    assert fhir.search("Observation").resources == []


@pytest.mark.rule("fhir.reference.conditional-bundles-only", CONDITIONAL)
def test_a_reference_by_search_is_for_bundles(fhir: FhirClient) -> None:
    value = unique()
    fhir.create(patient(value))
    answer = fhir.create(observation(subject=refer(f"Patient?identifier={value}")))
    assert (answer.status, answer.issue["code"]) == (400, "value")


@pytest.mark.rule("fhir.reference.store-name", LOCAL)
def test_a_reference_may_begin_with_the_name_of_its_store(
    fhir: FhirClient, new_store: Callable[..., FhirClient]
) -> None:
    made = fhir.create(patient()).body["id"]
    named = observation(subject=refer(f"{fhir.store}/Patient/{made}"))
    finding = fhir.create(named)
    assert finding.status == 201
    assert finding.body["id"] in fhir.search("Observation", {"subject": f"Patient/{made}"}).ids
    assert fhir.delete(f"Patient/{made}").status == 409
    missing = observation(subject=refer(f"{fhir.store}/Patient/nobody"))
    assert fhir.create(missing).status == 400
    foreign = new_store(disableReferentialIntegrity=True)
    assert foreign.create(named).status == 400


@pytest.mark.rule("fhir.reference.urn-oid", f"{REFERENCES}#uri_beginning_with_urnuuid_or_urnoid")
@pytest.mark.parametrize("name", [urn(), "urn:oid:1.2.840.99.1"], ids=["uuid", "oid"])
def test_a_urn_of_a_transaction_becomes_the_name_of_its_entry(fhir: FhirClient, name: str) -> None:
    answer = fhir.transaction(
        entry("POST", "Patient", patient(), full_url=name),
        entry("POST", "Observation", observation(subject=refer(name))),
        about(name),
    )
    assert answer.status == 200
    location = answer.body["entry"][0]["response"]["location"]
    created = location.removeprefix(f"{fhir.base}/").partition("/_history/")[0]
    for item in answer.body["entry"][1:]:
        path = item["response"]["location"].removeprefix(f"{fhir.base}/")
        written = fhir.read(path.partition("/_history/")[0]).body
        assert written["subject"]["reference"] == created
