"""What the store answers, judged by validators that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.fhir.fhir_client import (
    SYSTEM,
    FhirClient,
    entry,
    observation,
    patient,
    refer,
    urn,
)
from tests.contract.fhir.judgement import judged

R4 = "https://hl7.org/fhir/R4/validation.html"
# Where pyrofile 0.3.0 is mistaken: by document, what it says and what R4 says.
_MISTAKEN = {
    # Responses may have no fullUrl, and what is absent names no version.
    "transaction-response": {"profile.element.invariant.bdl-8"},
    "batch-response": {"profile.element.invariant.bdl-8"},
    # bdl-7 lets versions share a fullUrl in a history, where a deletion has no resource.
    "history of a deletion": {"bundle.fullurl.duplicate", "bundle.entry.resource"},
    # It counts an element over all items of an array instead of in each one.
    "capabilities": {"profile.element.cardinality.max"},
}
_JUDGED_TYPES = frozenset({"Binary", "Observation"})
_UNBOUND = {"resourceType": "Observation", "status": "nonsense", "code": {"text": "x"}}
_WITHOUT_CODE = {"resourceType": "Observation", "status": "final"}


def _narrated(resource: dict[str, Any]) -> dict[str, Any]:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">made for a test</div>'
    return {**resource, "text": {"status": "generated", "div": div}}


def answers(fhir: FhirClient) -> dict[str, dict[str, Any]]:
    """Every kind of answer of a store, by name."""
    name = urn()
    transaction = fhir.transaction(
        entry("POST", "Patient", _narrated(patient(name=[{"family": "Doe"}])), full_url=name),
        entry(
            "PUT",
            f"Observation?identifier={SYSTEM}|judged",
            _narrated(observation("judged", subject=refer(name))),
            full_url=urn(),
        ),
    ).body
    location = transaction["entry"][0]["response"]["location"].removeprefix(f"{fhir.base}/")
    reference = location.partition("/_history/")[0]
    made = fhir.read(reference).body
    updated = fhir.update({**made, "active": True}).body
    gone = fhir.create(_narrated(patient())).body
    fhir.delete(f"Patient/{gone['id']}")
    return {
        "transaction-response": transaction,
        "batch-response": fhir.bundle("batch", entry("GET", reference)).body,
        "resource": updated,
        "searchset": fhir.search("Observation", {"_include": "*"}).body,
        "page": fhir.search("Patient", {"_count": "1", "_elements": "name"}).body,
        "history": fhir.history(reference).body,
        "history of a deletion": fhir.history(f"Patient/{gone['id']}").body,
        "everything": fhir.everything(made["id"]).body,
        "capabilities": _shortened(fhir.metadata().body),
        "not found": fhir.read("Patient/nobody").body,
        "gone": fhir.read(f"Patient/{gone['id']}").body,
        "refused": fhir.create({"resourceType": "Observation"}).body,
        "validated": fhir.validate(patient(), "Patient").body,
    }


def _shortened(statement: dict[str, Any]) -> dict[str, Any]:
    """Leave out most resource types, which are alike: the judge would take minutes for all."""
    (rest,) = statement["rest"]
    kept = [item for item in rest["resource"] if item["type"] in _JUDGED_TYPES]
    assert len(kept) == len(_JUDGED_TYPES)
    return {**statement, "rest": [{**rest, "resource": kept}]}


@pytest.fixture(scope="module")
def verdict(new_store: Callable[..., FhirClient]) -> dict[str, Any]:
    """The verdict on one of each answer, and on something that is wrong on purpose."""
    fhir = new_store()
    documents = answers(fhir)
    resource = documents["resource"]
    rest = {
        "base": fhir.base,
        "inputs": {
            "resourceType": "Patient",
            "resourceId": resource["id"],
            "versionId": resource["meta"]["versionId"],
            "searchParam": "family",
            "searchValue": "Doe",
        },
    }
    return judged({**documents, "unbound": _UNBOUND, "without code": _WITHOUT_CODE}, rest)


@pytest.mark.rule("fhir.judged.answers", R4)
def test_every_answer_is_valid_r4(verdict: dict[str, Any]) -> None:
    errors = dict(verdict["pyrofile"])
    # The judge sees what is wrong, so its silence means something.
    assert errors.pop("unbound")
    assert errors.pop("without code")
    standing = {
        name: [item for item in found if item["code"] not in _MISTAKEN.get(name, set())]
        for name, found in errors.items()
    }
    assert {name: found for name, found in standing.items() if found} == {}


@pytest.mark.rule("fhir.judged.answers", R4)
def test_every_answer_is_read_without_a_loss(verdict: dict[str, Any]) -> None:
    issues = dict(verdict["fhirkit"])
    assert issues.pop("without code")
    assert {name: found for name, found in issues.items() if found} == {}


@pytest.mark.rule("fhir.judged.rest", "https://hl7.org/fhir/R4/http.html")
def test_an_independent_pack_of_rest_tests_passes(verdict: dict[str, Any]) -> None:
    assert len(verdict["scenarios"]) >= 8
    assert set(verdict["scenarios"].values()) == {"PASS"}
