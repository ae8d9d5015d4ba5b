"""Search by GET and by POST: criteria, chains, inclusion, order, pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import requests
from tests.contract.fhir.fhir_client import (
    CONFORMANCE,
    FHIR_METHODS,
    FHIR_STORES,
    SEARCH,
    SYSTEM,
    FhirClient,
    observation,
    patient,
    refer,
    unique,
)

METHOD = f"{FHIR_METHODS}/search-type"


@dataclass(frozen=True)
class Ward:
    """A patient with an order, a finding and a task about it, and a second patient's finding."""

    fhir: FhirClient
    patient: str
    order: str
    finding: str
    task: str
    other: str


@pytest.fixture(scope="module")
def ward(new_store: Callable[..., FhirClient]) -> Ward:
    fhir = new_store()
    make = fhir.make
    ann = make(patient("ann", name=[{"family": "Ångström", "given": ["Ann"]}], gender="female"))
    bob = make(patient("bob", name=[{"family": "Berg"}], birthDate="1970-05-17"))
    order = make(
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "subject": refer(ann),
        }
    )
    finding = make(
        observation(
            "nodule",
            subject=refer(ann),
            basedOn=[refer(order)],
            effectiveDateTime="2026-05-17T10:00:00+02:00",
            valueQuantity={"value": 8.4, "code": "mm", "system": "http://unitsofmeasure.org"},
        )
    )
    task = make(
        {
            "resourceType": "Task",
            "status": "requested",
            "intent": "order",
            "focus": refer(finding),
            "for": refer(ann),
        }
    )
    other = make(observation("clear", status="final", subject=refer(bob)))
    return Ward(fhir, ann, order, finding, task, other)


@pytest.mark.rule("fhir.search.criteria", METHOD)
@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ({"identifier": f"{SYSTEM}|nodule"}, True),
        ({"identifier": "nodule"}, True),
        ({"identifier": "|nodule"}, False),
        ({"status": "preliminary"}, True),
        ({"status": "registered,preliminary"}, True),
        ({"status": "final"}, False),
        ({"status:not": "final"}, True),
        ({"code": "http://snomed.info/sct|27925004", "status": "preliminary"}, True),
        ({"code": "http://loinc.org|27925004"}, False),
        ({"date": "2026-05-17"}, True),
        ({"date": "2026-05-17T08:00:00Z"}, True),
        ({"date": "ge2026-05", "status": "preliminary"}, True),
        ({"date": "lt2026-05-17"}, False),
        ({"date": "sa2026-05-17"}, False),
        ({"value-quantity": "8.4|http://unitsofmeasure.org|mm"}, True),
        ({"value-quantity": "gt8.4"}, False),
        ({"subject:missing": "false", "date:missing": "false"}, True),
        ({"_lastUpdated": "gt2020-01-01", "status": "preliminary"}, True),
        ({"_lastUpdated": "lt2020-01-01"}, False),
    ],
    ids=str,
)
def test_criteria(ward: Ward, query: dict[str, str], hit: bool) -> None:
    found = ward.fhir.search("Observation", query).ids
    assert (ward.finding.partition("/")[2] in found) is hit


@pytest.mark.rule("fhir.search.references", f"{SEARCH}#reference")
@pytest.mark.parametrize("parameter", ["subject", "patient", "subject:Patient"])
@pytest.mark.parametrize("form", ["Type/id", "id", "url"])
def test_references_by_name_by_id_and_by_url(ward: Ward, parameter: str, form: str) -> None:
    name = ward.patient
    value = {"Type/id": name, "id": name.partition("/")[2], "url": f"{ward.fhir.base}/{name}"}
    answer = ward.fhir.search("Observation", {parameter: value[form]})
    assert [f"Observation/{found}" for found in answer.ids] == [ward.finding]


@pytest.mark.rule("fhir.search.workflow-references", METHOD)
def test_based_on_and_focus(ward: Ward) -> None:
    based_on = ward.fhir.search("Observation", {"based-on": ward.order})
    focus = ward.fhir.search("Task", {"focus": ward.finding, "status": "requested"})
    assert {f"Observation/{found}" for found in based_on.ids} == {ward.finding}
    assert {f"Task/{found}" for found in focus.ids} == {ward.task}


@pytest.mark.rule("fhir.search.chained", f"{SEARCH}#chaining")
@pytest.mark.parametrize(
    "query",
    [
        {"patient.identifier": f"{SYSTEM}|ann"},
        {"subject:Patient.family": "angstrom"},
        {"based-on:ServiceRequest.subject:Patient.identifier": "ann"},
    ],
    ids=str,
)
def test_chained_criteria(ward: Ward, query: dict[str, str]) -> None:
    found = ward.fhir.search("Observation", query).ids
    assert {f"Observation/{name}" for name in found} == {ward.finding}


@pytest.mark.rule("fhir.search.strings", f"{SEARCH}#string")
@pytest.mark.parametrize(
    ("query", "hit"),
    [
        ({"family": "ang"}, True),
        ({"family:contains": "STRÖM"}, True),
        ({"family:exact": "Ångström"}, True),
        ({"family:exact": "ångström"}, False),
        ({"name": "ann"}, True),
        ({"family": "str"}, False),
    ],
    ids=str,
)
def test_strings_ignore_case_and_accents(ward: Ward, query: dict[str, str], hit: bool) -> None:
    assert (ward.patient.partition("/")[2] in ward.fhir.search("Patient", query).ids) is hit


@pytest.mark.rule("fhir.search.post", METHOD)
def test_post_search_reads_the_query_string(ward: Ward) -> None:
    answer = ward.fhir.post_search("Observation", status="final")
    assert (answer.status, answer.body["type"], answer.body["total"]) == (200, "searchset", 1)
    (found,) = answer.body["entry"]
    assert found["fullUrl"] == f"{ward.fhir.base}/{ward.other}"
    assert found["search"]["mode"] == "match"


@pytest.mark.rule("fhir.search.no-form-body", CONFORMANCE)
def test_post_search_refuses_a_form(ward: Ward) -> None:
    url = f"{ward.fhir.base}/Observation/_search"
    assert requests.post(url, data={"status": "final"}, timeout=30).status_code == 400


@pytest.mark.rule("fhir.search.lenient-by-default", FHIR_STORES)
def test_unknown_parameters_are_ignored_unless_strict(ward: Ward) -> None:
    query = {"statuss": "final"}
    assert ward.fhir.search("Observation", query).body["total"] == 2
    strict = ward.fhir.search("Observation", query, prefer="handling=strict")
    assert (strict.status, strict.issue["details"]["text"]) == (400, "invalid_query")


@pytest.mark.rule("fhir.store.defaultSearchHandlingStrict", FHIR_STORES)
def test_store_can_be_strict_by_default(new_store: Callable[..., FhirClient]) -> None:
    store = new_store(defaultSearchHandlingStrict=True)
    assert store.search("Observation", {"statuss": "final"}).status == 400
    assert store.search("Observation", {"statuss": "x"}, prefer="handling=lenient").status == 200


@pytest.mark.rule("fhir.search.unsupported", CONFORMANCE)
@pytest.mark.parametrize(
    "query",
    [
        {"subject:identifier": "x"},
        {"code:of-type": "a|b|c"},
        {"_summary": "count"},
        {"_summary": "true"},
        {"_revinclude": "*"},
    ],
    ids=str,
)
def test_what_google_does_not_support_is_refused(ward: Ward, query: dict[str, str]) -> None:
    assert ward.fhir.search("Observation", query).status == 400


@pytest.mark.rule("fhir.search.include", METHOD)
def test_include_follows_references(ward: Ward) -> None:
    query = {"status": "preliminary", "_include": "Observation:subject"}
    entries = ward.fhir.search("Observation", query).body["entry"]
    assert [item["search"]["mode"] for item in entries] == ["match", "include"]
    assert entries[1]["fullUrl"] == f"{ward.fhir.base}/{ward.patient}"
    everything = {"status": "preliminary", "_include": "*"}
    assert len(ward.fhir.search("Observation", everything).ids) == 3


@pytest.mark.rule("fhir.search.include-iterate", METHOD)
def test_include_iterates(ward: Ward) -> None:
    query = {"_include": "Task:focus", "_include:iterate": "Observation:based-on"}
    names = {
        f"{found['resourceType']}/{found['id']}"
        for found in ward.fhir.search("Task", query).resources
    }
    assert names == {ward.task, ward.finding, ward.order}


@pytest.mark.rule("fhir.search.revinclude", METHOD)
def test_revinclude_follows_references_back(ward: Ward) -> None:
    query = {"identifier": "nodule", "_revinclude": "Task:focus"}
    entries = ward.fhir.search("Observation", query).body["entry"]
    assert entries[1]["fullUrl"] == f"{ward.fhir.base}/{ward.task}"


@pytest.mark.rule("fhir.search.default-order", METHOD)
@pytest.mark.rule("fhir.search.sort", METHOD)
def test_newest_first_or_as_asked(ward: Ward) -> None:
    def names(**query: str) -> list[str]:
        resources = ward.fhir.search("Patient", query).resources
        return [found["identifier"][0]["value"] for found in resources]

    assert names() == ["bob", "ann"]
    assert names(_sort="family") == ["ann", "bob"]
    assert names(_sort="-family") == ["bob", "ann"]
    assert names(_sort="_lastUpdated") == ["ann", "bob"]


@pytest.mark.rule("fhir.search.pages", METHOD)
def test_pages_are_followed_to_the_end(new_store: Callable[..., FhirClient]) -> None:
    store = new_store()
    made = {store.create(observation()).body["id"] for _ in range(5)}
    answer = store.search("Observation", {"_count": "2", "status": "preliminary"})
    seen, pages = list(answer.ids), 1
    links = {link["relation"]: link["url"] for link in answer.body["link"]}
    while "next" in links:
        answer = store.get(links["next"])
        links = {link["relation"]: link["url"] for link in answer.body["link"]}
        seen += answer.ids
        pages += 1
    assert (pages, len(seen), set(seen)) == (3, 5, made)
    assert answer.body["total"] == 5


@pytest.mark.rule("fhir.search.elements", METHOD)
def test_elements_trims_and_says_so(ward: Ward) -> None:
    query = {"identifier": "nodule", "_elements": "subject"}
    (found,) = ward.fhir.search("Observation", query).resources
    assert set(found) == {"resourceType", "id", "meta", "status", "code", "subject"}
    assert found["meta"]["tag"][0]["code"] == "SUBSETTED"


@pytest.mark.rule("fhir.search.all-types", f"{FHIR_METHODS}/search")
def test_search_across_types_uses_common_parameters(ward: Ward) -> None:
    answer = ward.fhir.search("", {"_type": "Task,ServiceRequest"})
    assert {found["resourceType"] for found in answer.resources} == {"Task", "ServiceRequest"}
    strict = ward.fhir.search("", {"status": "final"}, prefer="handling=strict")
    assert strict.status == 400


@pytest.mark.rule("fhir.search.deleted", METHOD)
def test_deleted_resources_are_not_found(fhir: FhirClient) -> None:
    value = unique()
    made = fhir.create(observation(value)).body
    fhir.update({**made, "identifier": [{"value": f"{value}-new"}]})
    assert not fhir.search("Observation", {"identifier": value}).ids
    assert fhir.search("Observation", {"identifier": f"{value}-new"}).ids == {made["id"]}
    fhir.delete(f"Observation/{made['id']}")
    assert not fhir.search("Observation", {"identifier": f"{value}-new"}).ids


@pytest.mark.rule("fhir.search.stores-are-separate", FHIR_STORES)
def test_a_store_finds_only_its_own(ward: Ward, new_store: Callable[..., FhirClient]) -> None:
    assert not new_store().search("Observation", {"identifier": "nodule"}).ids


@pytest.mark.rule("fhir.everything", f"{FHIR_METHODS}/Patient-everything")
def test_everything_is_the_patients_compartment(ward: Ward) -> None:
    answer = ward.fhir.everything(ward.patient.partition("/")[2])
    names = {f"{found['resourceType']}/{found['id']}" for found in answer.resources}
    assert {ward.patient, ward.order, ward.finding} <= names
    assert ward.other not in names
    limited = ward.fhir.everything(ward.patient.partition("/")[2], x_type="Observation")
    assert {f"Observation/{name}" for name in limited.ids} == {ward.finding}
    assert ward.fhir.everything("absent").status == 404
