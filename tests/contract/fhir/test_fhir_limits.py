"""What is too large, malformed or of the wrong kind: refused in Google's words, and survived."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from tests.contract.fhir.fhir_client import (
    CONFORMANCE,
    DECISION,
    FHIR_METHODS,
    FHIR_STORES,
    HTTP,
    QUOTAS,
    FhirClient,
    entry,
    observation,
    patient,
    unique,
)

LIMITS = f"{QUOTAS}#resource_limits"
BUNDLES = f"{QUOTAS}#fhir_executebundle_size_limits"
_MEGABYTE = 1 << 20
_MANY_ENTRIES = 10_000


def is_alive(fhir: FhirClient) -> bool:
    return fhir.create(patient()).status == 201


@pytest.mark.rule("fhir.limit.resource-size", LIMITS)
def test_a_resource_has_a_size_limit(fhir: FhirClient) -> None:
    note = [{"text": "x" * (9 * _MEGABYTE)}]
    assert fhir.create(observation(note=note)).status == 201
    note = [{"text": "x" * (11 * _MEGABYTE)}]
    answer = fhir.create(observation(note=note))
    assert (answer.status, answer.body["error"]["code"]) == (413, 413)


@pytest.mark.rule("fhir.limit.bundle-size", BUNDLES)
def test_a_bundle_has_a_size_limit(fhir: FhirClient) -> None:
    padding = b" " * (51 * _MEGABYTE)
    answer = fhir.post("", b'{"resourceType": "Bundle", "type": "batch"' + padding + b"}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, 413)
    assert is_alive(fhir)


@pytest.mark.rule("fhir.limit.values", LIMITS)
@pytest.mark.parametrize("unit", [b"[],", b'{"a":{}},', b'"",'], ids=["arrays", "objects", "texts"])
def test_a_bomb_of_small_values_is_not_taken_apart(fhir: FhirClient, unit: bytes) -> None:
    body = b"[" + unit * (45 * _MEGABYTE // len(unit)) + b"1]"
    answer = fhir.post("", body)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (413, "too-long")
    assert is_alive(fhir)


@pytest.mark.rule("fhir.limit.batch-of-many", BUNDLES)
def test_a_batch_of_many_entries_is_answered(fhir: FhirClient) -> None:
    entries = [entry("GET", f"Patient/{n}") for n in range(_MANY_ENTRIES)]
    answer = fhir.bundle("batch", *entries, entry("POST", "Patient", patient()))
    assert answer.status == 200
    assert len(answer.statuses) == _MANY_ENTRIES + 1
    assert answer.statuses[-2:] == ["404 Not Found", "201 Created"]


@pytest.mark.rule("fhir.limit.batch-entries", DECISION)
def test_a_batch_of_a_million_entries_is_refused(fhir: FhirClient) -> None:
    body = b'{"resourceType":"Bundle","type":"batch","entry":[' + b"{}," * 1_000_000 + b"{}]}"
    answer = fhir.post("", body)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")
    assert is_alive(fhir)


@pytest.mark.rule("fhir.limit.depth", CONFORMANCE)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"resourceType":"Bundle","type":"batch","entry":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"resourceType":"Patient","contained":'
        + b'[{"resourceType":"Patient","contained":' * 300,
    ],
    ids=["arrays", "objects", "entries", "contained"],
)
def test_depth_is_refused(fhir: FhirClient, body: bytes) -> None:
    for path in ("", "/Patient"):
        assert fhir.post(path, body).status_code == 400
    assert is_alive(fhir)


@pytest.mark.rule("fhir.limit.patch-depth", f"{HTTP}#patch")
def test_a_deep_patch_is_refused(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body["id"]
    deep = b'[{"op":"add","path":"/name","value":' + b"[" * 800 + b"]" * 800 + b"}]"
    url = f"{fhir.base}/Patient/{made}"
    headers = {"Content-Type": "application/json-patch+json"}
    assert requests.patch(url, data=deep, headers=headers, timeout=30).status_code == 400


@pytest.mark.rule("fhir.json.duplicate-names", "https://hl7.org/fhir/R4/json.html")
def test_a_name_given_twice_is_refused(fhir: FhirClient) -> None:
    body = b'{"resourceType": "Patient", "gender": "male", "gender": "female"}'
    answer = fhir.post("/Patient", body)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "structure")


@pytest.mark.rule("fhir.number.large", "https://hl7.org/fhir/R4/datatypes.html#decimal")
def test_numbers_beyond_64_bits_are_kept_and_found(fhir: FhirClient) -> None:
    value = {"value": 10**30, "unit": "1"}
    made = fhir.create(observation(valueQuantity=value))
    assert (made.status, made.body["valueQuantity"]) == (201, value)
    assert made.body["id"] in fhir.search("Observation", {"value-quantity": "gt1e29"}).ids


@pytest.mark.rule("fhir.id.format", f"{CONFORMANCE}#r4")
@pytest.mark.parametrize("identifier", ["", "a" * 65, "a b", "a_b", "ä", "a/b", 7])
def test_an_id_has_64_plain_characters(open_fhir: FhirClient, identifier: object) -> None:
    body = json.dumps({"resourceType": "Patient", "id": identifier}).encode()
    assert open_fhir.post("/Patient", body).status_code == 400
    fine = open_fhir.update({"resourceType": "Patient", "id": f"a-.{unique()}"})
    assert fine.status == 201


@pytest.mark.rule("fhir.http.no-xml", CONFORMANCE)
def test_xml_is_neither_read_nor_written(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body["id"]
    xml = "application/fhir+xml"
    body = b'<Patient xmlns="http://hl7.org/fhir"/>'
    assert fhir.post("/Patient", body, content_type=xml).status_code == 415
    answer = fhir.read(f"Patient/{made}", accept=xml)
    assert (answer.status, answer.issue["code"]) == (406, "not-supported")
    assert fhir.get(f"{fhir.base}/Patient/{made}", {"_format": "xml"}).status == 406
    either = f"{xml}, application/fhir+json;q=0.5"
    assert fhir.read(f"Patient/{made}", accept=either).status == 200
    assert fhir.get(f"{fhir.base}/Patient/{made}", {"_format": "json"}).status == 200


@pytest.mark.rule("fhir.http.no-head", CONFORMANCE)
def test_head_is_not_served(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body["id"]
    for path in (f"/Patient/{made}", "/Patient", "/metadata"):
        assert requests.head(f"{fhir.base}{path}", timeout=30).status_code in {404, 405}


@pytest.mark.rule("fhir.http.no-compartment-search", f"{FHIR_METHODS}/search")
def test_compartments_and_histories_of_types_are_not_served(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body["id"]
    for path in (f"/Patient/{made}/Observation", "/Patient/_history", "/_history"):
        answer = requests.get(f"{fhir.base}{path}", timeout=30)
        assert answer.status_code in {400, 404}, path
        assert answer.headers["content-type"].startswith("application/")


@pytest.mark.rule("fhir.read.if-modified-since", f"{FHIR_METHODS}/read")
def test_reading_can_depend_on_the_time(fhir: FhirClient) -> None:
    reference = f"Patient/{fhir.create(patient()).body['id']}"
    modified = fhir.read(reference).headers["last-modified"]
    url = f"{fhir.base}/{reference}"

    def status(moment: str) -> int:
        return requests.get(url, headers={"If-Modified-Since": moment}, timeout=30).status_code

    assert status(modified) == 304
    assert status("Mon, 01 Jan 2001 00:00:00 GMT") == 200
    assert status("no date") == 200


@pytest.mark.rule("fhir.history.disabled", FHIR_STORES)
def test_a_store_without_versions_refuses_them(new_store: Any) -> None:
    fhir = new_store(disableResourceVersioning=True)
    made = fhir.create(patient()).body
    reference = f"Patient/{made['id']}"
    assert fhir.history(reference).status == 400
    assert fhir.vread(reference, made["meta"]["versionId"]).status == 404


@pytest.mark.rule("fhir.unserved", f"{FHIR_STORES}/explainDataAccess")
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", ":explainDataAccess?resourceId=Patient/1"),
        ("POST", ":applyConsents"),
        ("POST", ":applyAdminConsents"),
        ("POST", ":deidentify"),
        ("GET", "/fhir/Consent/1/$consent-enforcement-status"),
    ],
)
def test_what_is_not_served_says_so(fhir: FhirClient, verb: str, path: str) -> None:
    url = f"{fhir.endpoint}/v1/{fhir.store}{path}"
    answer = requests.request(verb, url, timeout=30)
    assert (answer.status_code, answer.json()["error"]["status"]) == (501, "UNIMPLEMENTED")
