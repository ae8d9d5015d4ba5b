"""Conditional interactions: by identifier only, and safe to race."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.contract.fhir.fhir_client import (
    FHIR_METHODS,
    RETRIES,
    SYSTEM,
    FhirClient,
    entry,
    observation,
    patient,
    unique,
)

TO_FINAL = [{"op": "replace", "path": "/status", "value": "final"}]


def criterion(value: str) -> dict[str, str]:
    return {"identifier": f"{SYSTEM}|{value}"}


def twins(fhir: FhirClient) -> str:
    """Store two resources with one identifier."""
    value = unique()
    for _ in range(2):
        fhir.create(observation(value))
    return value


@pytest.mark.rule("fhir.create.if-none-exist", f"{FHIR_METHODS}/create")
def test_conditional_create_returns_what_exists(fhir: FhirClient) -> None:
    value = unique()
    query = f"identifier={SYSTEM}|{value}"
    first = fhir.create(patient(value), if_none_exist=query)
    second = fhir.create(patient(value, active=True), if_none_exist=query)
    assert (first.status, second.status) == (201, 200)
    assert second.body == first.body


@pytest.mark.rule("fhir.create.if-none-exist-several", f"{FHIR_METHODS}/create")
def test_conditional_create_with_two_matches_is_412(fhir: FhirClient) -> None:
    value = twins(fhir)
    answer = fhir.create(observation(value), if_none_exist=f"identifier={SYSTEM}|{value}")
    assert answer.status == 412


@pytest.mark.rule("fhir.conditional.identifier-only", f"{FHIR_METHODS}/create")
@pytest.mark.parametrize(
    "query", ["name=Doe", "identifier=a|b&active=true", "identifier=a|b,a|c", "identifier=a|"]
)
def test_other_criteria_are_refused(fhir: FhirClient, query: str) -> None:
    answer = fhir.create(patient(), if_none_exist=query)
    assert (answer.status, answer.issue["details"]["text"]) == (400, "invalid_query")


@pytest.mark.rule("fhir.conditional.type-needs-identifier", f"{FHIR_METHODS}/conditionalUpdate")
def test_type_without_identifier_parameter_cannot_be_conditional(fhir: FhirClient) -> None:
    resource = {"resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z"}
    resource |= {"target": [{"display": "x"}], "agent": [{"who": {"display": "x"}}]}
    assert fhir.conditional_update(resource, criterion(unique())).status == 400


@pytest.mark.rule("fhir.conditionalUpdate.none", f"{FHIR_METHODS}/conditionalUpdate")
def test_conditional_update_creates_when_nothing_matches(fhir: FhirClient) -> None:
    value = unique()
    made = fhir.conditional_update(observation(value), criterion(value))
    assert made.status == 201
    assert fhir.search("Observation", criterion(value)).ids == {made.body["id"]}


@pytest.mark.rule("fhir.conditionalUpdate.one", f"{FHIR_METHODS}/conditionalUpdate")
def test_conditional_update_replaces_the_one_match(fhir: FhirClient) -> None:
    value = unique()
    first = fhir.conditional_update(observation(value), criterion(value)).body
    second = fhir.conditional_update(observation(value, status="final"), {"identifier": value})
    assert (second.status, second.body["id"]) == (200, first["id"])
    assert second.body["status"] == "final"
    assert second.body["meta"]["versionId"] != first["meta"]["versionId"]


@pytest.mark.rule("fhir.conditionalUpdate.several", f"{FHIR_METHODS}/conditionalUpdate")
def test_conditional_update_with_two_matches_is_412(fhir: FhirClient) -> None:
    value = twins(fhir)
    answer = fhir.conditional_update(observation(value), criterion(value))
    assert (answer.status, answer.issue["code"]) == (412, "conflict")


@pytest.mark.rule("fhir.conditionalUpdate.client-id", f"{FHIR_METHODS}/conditionalUpdate")
def test_conditional_update_takes_a_client_id_where_enabled(
    fhir: FhirClient, open_fhir: FhirClient
) -> None:
    value, chosen = unique(), unique()
    resource = observation(value, id=chosen)
    assert open_fhir.conditional_update(resource, criterion(value)).body["id"] == chosen
    assert fhir.conditional_update(resource, criterion(value)).status == 404


@pytest.mark.rule("fhir.conditionalPatch", f"{FHIR_METHODS}/conditionalPatch")
def test_conditional_patch_wants_exactly_one_match(fhir: FhirClient) -> None:
    value = unique()
    assert fhir.conditional_patch("Observation", TO_FINAL, criterion(value)).status == 404
    fhir.create(observation(value))
    patched = fhir.conditional_patch("Observation", TO_FINAL, criterion(value))
    assert (patched.status, patched.body["status"]) == (200, "final")
    assert fhir.conditional_patch("Observation", TO_FINAL, criterion(twins(fhir))).status == 412


@pytest.mark.rule("fhir.conditionalDelete", f"{FHIR_METHODS}/conditionalDelete")
def test_conditional_delete_deletes_one_never_several(fhir: FhirClient) -> None:
    value = unique()
    made = fhir.create(observation(value)).body
    assert fhir.conditional_delete("Observation", criterion(value)).status == 200
    assert fhir.read(f"Observation/{made['id']}").status == 410
    pair = twins(fhir)
    assert fhir.conditional_delete("Observation", criterion(pair)).status == 412
    assert len(fhir.search("Observation", criterion(pair)).ids) == 2


@pytest.mark.rule("fhir.identifier.token-forms", f"{FHIR_METHODS}/search")
def test_system_is_part_of_an_identifier(fhir: FhirClient) -> None:
    value = unique()
    made = fhir.create(observation(value)).body
    other = {"identifier": f"https://example.org/other|{value}"}
    created = fhir.conditional_update(
        observation(value, identifier=[{"system": "https://example.org/other", "value": value}]),
        other,
    )
    assert created.status == 201
    assert fhir.search("Observation", criterion(value)).ids == {made["id"]}
    assert len(fhir.search("Observation", {"identifier": value}).ids) == 2


@pytest.mark.rule("fhir.conditional.concurrent", f"{FHIR_METHODS}/create")
@pytest.mark.parametrize("form", ["create", "update", "transaction"])
def test_racing_writers_make_one_resource(new_store: Callable[..., FhirClient], form: str) -> None:
    store = new_store()
    value = unique()
    query = f"identifier={SYSTEM}|{value}"
    writes: dict[str, Callable[[FhirClient], object]] = {
        "create": lambda client: client.create(observation(value), if_none_exist=query).status,
        "update": lambda client: (
            client.conditional_update(observation(value), criterion(value)).status
        ),
        "transaction": lambda client: (
            client.transaction(
                entry("POST", "Observation", observation(value), ifNoneExist=query)
            ).statuses
        ),
    }
    # A discovery client is for one thread only; each writer has its own.
    writers = [store.clone() for _ in range(8)]
    with ThreadPoolExecutor(len(writers)) as pool:
        outcomes = [str(outcome) for outcome in pool.map(writes[form], writers)]
    assert len(store.search("Observation", criterion(value)).ids) == 1
    assert sum("201" in outcome for outcome in outcomes) == 1
    assert sum("200" in outcome for outcome in outcomes) == len(writers) - 1


@pytest.mark.rule("fhir.identifier.escapes", "https://hl7.org/fhir/R4/search.html#escaping")
@pytest.mark.parametrize("value", ["a,b", "a|b", "a\\b", "a b", "a+b", "a&b=c", "a%7Cb", "é"])
def test_any_identifier_can_be_a_criterion(
    new_store: Callable[..., FhirClient], value: str
) -> None:
    store = new_store()
    escaped = value.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|")
    query = {"identifier": f"{SYSTEM}|{escaped}"}
    first = store.conditional_update(observation(value), query)
    second = store.conditional_update(observation(value), query)
    bundled = store.transaction(
        entry("PUT", f"Observation?{urlencode(query)}", observation(value)),
    )
    assert (first.status, second.status, bundled.statuses) == (201, 200, ["200 OK"])
    assert second.body["id"] == first.body["id"]
    assert store.search("Observation", query).ids == {first.body["id"]}
    assert not store.search("Observation", {"identifier": f"{SYSTEM}|b"}).ids


@pytest.mark.rule("fhir.identifier.system-only", "https://hl7.org/fhir/R4/search.html#token")
def test_a_system_alone_finds_but_is_no_criterion(new_store: Callable[..., FhirClient]) -> None:
    store = new_store()
    made = store.create(observation()).body
    assert store.search("Observation", {"identifier": f"{SYSTEM}|"}).ids == {made["id"]}
    assert store.conditional_delete("Observation", {"identifier": f"{SYSTEM}|"}).status == 400


@pytest.mark.rule("fhir.errors.retried-503", RETRIES)
def test_a_repeated_call_after_a_fault_changes_nothing_twice(
    no_faults: Any, fhir: FhirClient
) -> None:
    value = unique()
    no_faults.fault("*.fhirStores.fhir.conditionalUpdate", status=503, times=2)
    answers = [fhir.conditional_update(observation(value), criterion(value)) for _ in range(4)]
    assert [answer.status for answer in answers] == [503, 503, 201, 200]
    assert answers[0].body["error"]["status"] == "UNAVAILABLE"
