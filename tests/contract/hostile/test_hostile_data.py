"""Files, patterns and crowds that are meant to exhaust whoever takes them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from tests.contract.dicom.files import encoded
from tests.contract.dicom.stores import path_of
from tests.contract.hostile.bombs import (
    deep_instance,
    deflated_instance,
    instance_of_claims,
    instance_with_another_size,
)
from tests.contract.hostile.server import BUCKET, Server

README = "include/localcloud/README.md#bad-input"
DICOM = "https://cloud.google.com/healthcare-api/docs/dicom"
WRITERS = 200
_PATTERN_SECONDS = 30.0


@pytest.mark.rule(
    "localcloud.hostile.dicom.deflated",
    "https://dicom.nema.org/medical/dicom/current/output/html/part05.html#sect_A.5",
)
def test_a_deflated_dataset_is_not_unfolded_without_limit(server: Server) -> None:
    assert server.dicom.stow([deflated_instance(1 << 29)]).status_code == 409


@pytest.mark.rule("localcloud.hostile.dicom.depth", DICOM)
def test_sequences_within_sequences_end_somewhere(server: Server) -> None:
    assert server.dicom.stow([deep_instance(100_000)]).status_code == 409


@pytest.mark.rule("localcloud.hostile.dicom.claims", DICOM)
@pytest.mark.parametrize(
    "claims", [{"Rows": 65_535, "Columns": 65_535}, {"NumberOfFrames": 2_000_000_000}]
)
def test_a_header_that_claims_too_much_is_found_out(server: Server, claims: dict[str, int]) -> None:
    instance = instance_of_claims(**claims)
    if server.dicom.stow([encoded(instance)]).status_code == 200:
        for suffix in ("/rendered", "/frames/1/rendered", "/frames/1"):
            assert server.dicom.get(path_of(instance) + suffix).status_code == 400


@pytest.mark.rule("localcloud.hostile.dicom.codestream", f"{DICOM}#supported_transfer_syntaxes")
def test_a_picture_larger_than_its_header_says_is_not_decoded(server: Server) -> None:
    instance = instance_with_another_size()
    if server.dicom.stow([encoded(instance)]).status_code == 200:
        assert server.dicom.get(path_of(instance) + "/rendered").status_code == 400


@pytest.mark.rule(
    "localcloud.hostile.patterns",
    "https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob",
)
@pytest.mark.parametrize("piece", ["**a", "*a", "{a,aa}", "?*"])
def test_a_glob_cannot_hold_a_listing_up(server: Server, piece: str) -> None:
    assert server.upload("a" * 1000, b"x").ok
    answer = requests.get(
        server.object_url("").rstrip("/"),
        params={"matchGlob": piece * 30 + "b"},
        timeout=_PATTERN_SECONDS,
    )
    assert answer.status_code in (200, 400)
    assert not answer.json().get("items")


@pytest.mark.rule("localcloud.hostile.import-patterns", f"{DICOM}#import")
def test_a_wildcard_cannot_hold_an_import_up(server: Server) -> None:
    assert server.upload("a" * 1000, b"x").ok
    operation = server.dicom.start_import(f"gs://{BUCKET}/{'*a' * 30}b")
    assert "error" in server.dicom.wait(operation)


@pytest.mark.rule(
    "localcloud.hostile.writers.object", "https://cloud.google.com/storage/docs/consistency"
)
def test_many_writers_of_one_object_leave_one_of_theirs(server: Server) -> None:
    contents = [f"writer {number} ".encode() * 1000 for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as writers:
        answers = list(writers.map(lambda content: server.upload("crowded", content), contents))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["generation"] for answer in answers}) == WRITERS
    found = requests.get(server.object_url("crowded"), params={"alt": "media"}, timeout=10)
    assert found.content in contents


@pytest.mark.rule("localcloud.hostile.writers.resource", "https://hl7.org/fhir/R4/http.html")
def test_many_writers_of_one_resource_make_one_version_each(server: Server) -> None:
    url = f"{server.fhir.base}/Patient/crowded"

    def write(number: int) -> requests.Response:
        body = {"resourceType": "Patient", "id": "crowded", "name": [{"family": f"W{number}"}]}
        headers = {"Content-Type": "application/fhir+json"}
        return requests.put(url, data=json.dumps(body), headers=headers, timeout=60)

    with ThreadPoolExecutor(WRITERS) as writers:
        answers = list(writers.map(write, range(WRITERS)))
    assert {answer.status_code for answer in answers} == {200, 201}
    versions = {answer.json()["meta"]["versionId"] for answer in answers}
    assert len(versions) == WRITERS
    assert server.fhir.history("Patient/crowded").body["total"] == WRITERS
