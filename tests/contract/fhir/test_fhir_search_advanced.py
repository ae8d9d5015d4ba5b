"""Searches beyond single criteria: composites, words, reverse chains, pages while data change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contract.fhir.fhir_client import (
    CONFORMANCE,
    FHIR_METHODS,
    SEARCH,
    FhirClient,
    observation,
    patient,
    refer,
    unique,
)

METHOD = f"{FHIR_METHODS}/search-type"
EVERYTHING = f"{FHIR_METHODS}/Patient-everything"
UNIT = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"


def _in_order(value: object) -> str:
    """Name a case alike in every process, which a set's own order would not."""
    return " ".join(sorted(value)) if isinstance(value, set) else str(value)


def coded(code: str, display: str = "") -> dict[str, Any]:
    coding = {"system": LOINC, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def millimetres(value: float) -> dict[str, Any]:
    return {"value": value, "system": UNIT, "code": "mm"}


def part(code: str, value: float) -> dict[str, Any]:
    return {"code": coded(code), "valueQuantity": millimetres(value)}


@dataclass(frozen=True)
class Clinic:
    """A patient with a nodule and blood pressures, another one with a note, and a document."""

    fhir: FhirClient
    ann: str
    bob: str
    nodule: str
    pressure: str
    note: str
    later: str


@pytest.fixture(scope="module")
def clinic(new_store: Callable[..., FhirClient]) -> Clinic:
    fhir = new_store()
    make = fhir.make
    narrative = '<div xmlns="http://www.w3.org/1999/xhtml">Allergic to <b>penicillin</b></div>'
    ann = make(patient(name=[{"family": "Ahn"}], text={"status": "generated", "div": narrative}))
    bob = make(patient(name=[{"family": "Bell"}]))
    nodule = make(
        observation(
            subject=refer(ann),
            code=coded("N", "Lung nodule size"),
            valueQuantity=millimetres(8.4),
            effectiveDateTime="2026-03-01",
        )
    )
    pressure = make(
        observation(
            subject=refer(ann), code=coded("BP"), component=[part("SYS", 120), part("DIA", 80)]
        )
    )
    note = make(
        observation(
            subject=refer(bob),
            code=coded("T"),
            valueString="no change",
            effectiveDateTime="2026-06-01",
        )
    )
    earlier = make({"resourceType": "DocumentReference", "status": "superseded", "content": [DOC]})
    later = make(
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "content": [DOC],
            "relatesTo": [{"code": "replaces", "target": refer(earlier)}],
        }
    )
    return Clinic(fhir, ann, bob, nodule, pressure, note, later)


DOC = {"attachment": {"contentType": "text/plain"}}


def found(clinic: Clinic, resource_type: str, query: dict[str, str]) -> set[str]:
    answer = clinic.fhir.search(resource_type, query, prefer="handling=strict")
    assert answer.status == 200, answer.body
    return {f"{item['resourceType']}/{item['id']}" for item in answer.resources}


@pytest.mark.rule("fhir.search.composite", CONFORMANCE)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"code-value-quantity": f"{LOINC}|N$gt8|{UNIT}|mm"}, {"nodule"}),
        ({"code-value-quantity": "N$gt9"}, set()),
        ({"code-value-string": "T$no"}, {"note"}),
        ({"component-code-value-quantity": "SYS$gt100"}, {"pressure"}),
        ({"component-code-value-quantity": "DIA$gt100"}, set()),
        ({"component-code-value-quantity": "DIA$gt100,DIA$lt90"}, {"pressure"}),
        ({"combo-code-value-quantity": "N$8.4"}, {"nodule"}),
        ({"combo-code-value-quantity": "BP$gt1"}, set()),
    ],
    ids=str,
)
def test_the_parts_of_a_composite_must_match_together(
    clinic: Clinic, query: dict[str, str], expected: set[str]
) -> None:
    assert found(clinic, "Observation", query) == {getattr(clinic, name) for name in expected}


@pytest.mark.rule("fhir.search.composite-relationship", CONFORMANCE)
def test_documents_are_found_by_their_relationship(clinic: Clinic) -> None:
    (later,) = clinic.fhir.search("DocumentReference", {"status": "current"}).resources
    target = later["relatesTo"][0]["target"]["reference"]
    assert found(clinic, "DocumentReference", {"relationship": f"replaces${target}"}) == {
        clinic.later
    }
    assert found(clinic, "DocumentReference", {"relationship": f"signs${target}"}) == set()


@pytest.mark.rule("fhir.search.composite-malformed", SEARCH)
def test_a_composite_needs_all_its_parts(clinic: Clinic) -> None:
    assert clinic.fhir.search("Observation", {"code-value-quantity": "N"}).status == 400


@pytest.mark.rule("fhir.search.has", f"{SEARCH}#has")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"_has:Observation:subject:code": "N"}, {"ann"}),
        ({"_has:Observation:patient:status": "preliminary"}, {"ann", "bob"}),
        ({"_has:Observation:subject:code": "N,T"}, {"ann", "bob"}),
        ({"_has:Observation:subject:code": "none"}, set()),
        ({"_has:Observation:subject:value-quantity": "gt8", "family": "ahn"}, {"ann"}),
    ],
    ids=_in_order,
)
def test_reverse_chains(clinic: Clinic, query: dict[str, str], expected: set[str]) -> None:
    assert found(clinic, "Patient", query) == {getattr(clinic, name) for name in expected}


@pytest.mark.rule("fhir.search.has-malformed", f"{SEARCH}#has")
@pytest.mark.parametrize(
    "name", ["_has:Observation", "_has:Observation:status:code", "_has:Nothing:subject:code"]
)
def test_a_reverse_chain_needs_a_reference(clinic: Clinic, name: str) -> None:
    assert clinic.fhir.search("Patient", {name: "x"}).status == 400


@pytest.mark.rule("fhir.search.text", CONFORMANCE)
def test_text_looks_in_the_narrative(clinic: Clinic) -> None:
    assert found(clinic, "Patient", {"_text": "PENICILLIN"}) == {clinic.ann}
    assert found(clinic, "Patient", {"_text": "allergic penicillin"}) == {clinic.ann}
    # Markup is not text.
    assert found(clinic, "Patient", {"_text": "xhtml"}) == set()


@pytest.mark.rule("fhir.search.content", CONFORMANCE)
def test_content_looks_in_all_that_is_searchable(clinic: Clinic) -> None:
    assert found(clinic, "Observation", {"_content": "nodule"}) == {clinic.nodule}
    assert found(clinic, "Observation", {"_content": "change no"}) == {clinic.note}
    assert found(clinic, "Observation", {"_content": "change nodule"}) == set()


@pytest.mark.rule("fhir.search.token-text", METHOD)
def test_tokens_are_found_by_what_they_display(clinic: Clinic) -> None:
    assert found(clinic, "Observation", {"code:text": "lung"}) == {clinic.nodule}
    assert found(clinic, "Observation", {"code:text": "NODULE size"}) == {clinic.nodule}
    assert found(clinic, "Observation", {"code:text": "odule"}) == set()


def value_set(**content: Any) -> dict[str, Any]:
    url = f"https://example.org/{unique()}"
    return {"resourceType": "ValueSet", "url": url, "status": "active", **content}


@pytest.mark.rule("fhir.search.in-value-set", METHOD)
def test_codes_are_found_by_a_value_set_of_the_store(clinic: Clinic) -> None:
    by_code = {"include": [{"system": LOINC, "concept": [{"code": "N"}, {"code": "T"}]}]}
    whole = {"include": [{"system": LOINC}]}
    other = {"include": [{"system": UNIT}]}
    expanded = {"timestamp": "2026-01-01", "contains": [{"system": LOINC, "code": "BP"}]}
    contents = [{"compose": by_code}, {"compose": whole}, {"compose": other, "expansion": expanded}]
    made = [clinic.fhir.create(value_set(**content)).body for content in contents]
    listed, all_codes, expansion = (item["url"] for item in made)
    three = {clinic.nodule, clinic.pressure, clinic.note}
    assert found(clinic, "Observation", {"code:in": listed}) == {clinic.nodule, clinic.note}
    assert found(clinic, "Observation", {"code:not-in": listed}) == {clinic.pressure}
    assert found(clinic, "Observation", {"code:in": all_codes}) == three
    assert found(clinic, "Observation", {"code:in": expansion}) == {clinic.pressure}
    assert found(clinic, "Observation", {"code:in": f"ValueSet/{made[2]['id']}"}) == {
        clinic.pressure
    }
    assert found(clinic, "Patient", {"_has:Observation:subject:code:in": expansion}) == {clinic.ann}
    absent = clinic.fhir.search("Observation", {"code:in": "https://example.org/absent"})
    assert absent.status == 400


@pytest.mark.rule("fhir.search.total", f"{SEARCH}#total")
def test_the_total_may_be_left_out(clinic: Clinic) -> None:
    assert clinic.fhir.search("Observation", {"_total": "accurate"}).body["total"] == 3
    assert "total" not in clinic.fhir.search("Observation", {"_total": "none"}).body
    assert clinic.fhir.search("Observation", {"_total": "some"}).status == 400
    empty = clinic.fhir.search("Observation", {"_count": "0"}).body
    assert (empty["total"], "entry" in empty) == (3, False)


@pytest.mark.rule("fhir.search.limits", METHOD)
@pytest.mark.parametrize(
    "query",
    [
        {"code": ",".join("a" * 600)},
        {"subject.general-practitioner.organization.partof.partof.name": "x"},
        {"_page_token": "nonsense"},
        {"_page_token": "W10"},
        {"_count": "-1"},
        {"_count": "٣"},
    ],
    ids=lambda query: str(query)[:40],
)
def test_a_search_beyond_measure_is_refused(clinic: Clinic, query: dict[str, str]) -> None:
    assert clinic.fhir.search("Observation", query).status == 400


@pytest.mark.rule("fhir.search.pages-while-data-change", METHOD)
@pytest.mark.parametrize("order", [{}, {"_sort": "birthdate"}, {"_sort": "-family,_id"}], ids=str)
def test_turning_pages_neither_repeats_nor_skips(
    new_store: Callable[..., FhirClient], order: dict[str, str]
) -> None:
    fhir = new_store()
    born = [{"birthDate": f"19{n}0-01-01"} if n % 2 else {} for n in range(2, 9)]
    made = [
        fhir.create(patient(name=[{"family": f"F{i}"}], **at)).body for i, at in enumerate(born)
    ]
    page = fhir.search("Patient", {"_count": "2", **order}).body
    seen = [item["resource"]["id"] for item in page["entry"]]
    while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        # Somebody writes between any two pages: what is new may or may not be seen.
        fhir.create(patient(name=[{"family": "Between"}], birthDate="1950-06-01"))
        page = fhir.get(following[0]).body
        seen += [item["resource"]["id"] for item in page.get("entry", [])]
    assert len(seen) == len(set(seen))
    assert {item["id"] for item in made} <= set(seen)


@pytest.mark.rule("fhir.everything.filters", EVERYTHING)
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"x_type": "Observation"}, {"nodule", "pressure"}),
        ({"start": "2026-02-01", "end": "2026-04-01"}, {"ann", "nodule", "pressure"}),
        ({"start": "2026-05-01"}, {"ann", "pressure"}),
        ({"end": "2026-03-01", "x_type": "Observation"}, {"nodule", "pressure"}),
        ({"x_since": "2999-01-01T00:00:00Z"}, set()),
    ],
    ids=_in_order,
)
def test_everything_can_be_narrowed(
    clinic: Clinic, parameters: dict[str, str], expected: set[str]
) -> None:
    answer = clinic.fhir.everything(clinic.ann.removeprefix("Patient/"), **parameters)
    names = {f"{item['resourceType']}/{item['id']}" for item in answer.resources}
    assert names == {getattr(clinic, name) for name in expected}


@pytest.mark.rule("fhir.everything.pages", EVERYTHING)
def test_everything_has_pages(clinic: Clinic) -> None:
    page = clinic.fhir.everything(clinic.ann.removeprefix("Patient/"), x_count=2).body
    assert [item["resource"]["resourceType"] for item in page["entry"]] == [
        "Patient",
        "Observation",
    ]
    (following,) = [link["url"] for link in page["link"] if link["relation"] == "next"]
    rest = clinic.fhir.get(following).body
    assert len(rest["entry"]) == 1
    assert [link["relation"] for link in rest["link"]] == ["self"]
