"""One resource at a time: create, read, versions, update, patch, delete."""

from __future__ import annotations

import base64
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
import requests
from tests.contract.fhir.fhir_client import (
    CONFORMANCE,
    FHIR_METHODS,
    FHIR_STORES,
    HTTP,
    FhirClient,
    observation,
    patient,
    unique,
)

STALE = 'W/"MTAwMA"'


@pytest.mark.rule("fhir.create.server-assigns-id", f"{FHIR_METHODS}/create")
def test_create_assigns_id_and_version(fhir: FhirClient) -> None:
    answer = fhir.create({"id": "mine", **patient()})
    made = answer.body
    version = made["meta"]["versionId"]
    assert answer.status == 201
    assert made["id"] != "mine"
    assert answer.headers["etag"] == f'W/"{version}"'
    location = f"{fhir.base}/Patient/{made['id']}/_history/{version}"
    assert answer.headers["location"] == location
    assert answer.headers["content-type"] == "application/fhir+json;charset=utf-8"


@pytest.mark.rule("fhir.create.content-type-required", f"{FHIR_METHODS}/create")
def test_create_requires_the_fhir_content_type(fhir: FhirClient) -> None:
    assert fhir.create(patient(), content_type="text/plain").status == 415


@pytest.mark.rule("fhir.read.returns-what-was-written", f"{FHIR_METHODS}/read")
def test_read_returns_the_resource_as_created(fhir: FhirClient) -> None:
    made = fhir.create(patient(name=[{"family": "Ångström"}])).body
    answer = fhir.read(f"Patient/{made['id']}")
    assert (answer.status, answer.body) == (200, made)
    assert parsedate_to_datetime(answer.headers["last-modified"])


@pytest.mark.rule("fhir.read.not-found", f"{HTTP}#read")
def test_read_of_what_never_existed_is_404(fhir: FhirClient) -> None:
    answer = fhir.read("Patient/absent")
    assert (answer.status, answer.issue["code"]) == (404, "not-found")


@pytest.mark.rule("fhir.read.if-none-match", f"{FHIR_METHODS}/read")
def test_read_of_a_known_version_is_304(fhir: FhirClient) -> None:
    made = fhir.create(patient())
    url = f"{fhir.base}/Patient/{made.body['id']}"
    known = requests.get(url, headers={"If-None-Match": made.headers["etag"]}, timeout=30)
    other = requests.get(url, headers={"If-None-Match": STALE}, timeout=30)
    assert (known.status_code, known.content, other.status_code) == (304, b"", 200)


@pytest.mark.rule("fhir.update.new-version", f"{FHIR_METHODS}/update")
def test_update_makes_a_version_and_keeps_the_old(fhir: FhirClient) -> None:
    first = fhir.create(patient(gender="other")).body
    second = fhir.update({**first, "gender": "female"})
    assert second.status == 200
    assert second.body["meta"]["versionId"] != first["meta"]["versionId"]
    old = fhir.vread(f"Patient/{first['id']}", first["meta"]["versionId"])
    assert (old.status, old.body["gender"]) == (200, "other")


@pytest.mark.rule("fhir.update.id-must-match", f"{FHIR_METHODS}/update")
def test_update_with_another_id_in_the_body_is_400(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    url = f"{fhir.base}/Patient/{made['id']}"
    headers = {"Content-Type": "application/fhir+json"}
    answer = requests.put(url, json={**made, "id": "other"}, headers=headers, timeout=30)
    assert answer.status_code == 400


@pytest.mark.rule("fhir.update.if-match", f"{HTTP}#concurrency")
def test_update_of_a_stale_version_is_412(fhir: FhirClient) -> None:
    made = fhir.create(patient())
    assert fhir.update({**made.body, "active": True}, if_match=STALE).status == 412
    assert fhir.update({**made.body, "active": True}, if_match=made.headers["etag"]).status == 200
    again = fhir.update({**made.body, "active": False}, if_match=made.headers["etag"])
    assert (again.status, again.issue["code"]) == (412, "conflict")


@pytest.mark.rule("fhir.update.if-none-match-any", f"{FHIR_METHODS}/update")
def test_update_if_none_match_any_never_overwrites(open_fhir: FhirClient) -> None:
    resource = patient(id=unique())
    assert open_fhir.update(resource, if_none_match="*").status == 201
    assert open_fhir.update(resource, if_none_match="*").status == 412


@pytest.mark.rule("fhir.store.enableUpdateCreate-off", FHIR_STORES)
def test_update_does_not_create_by_default(fhir: FhirClient) -> None:
    assert fhir.update(patient(id=unique())).status == 404


@pytest.mark.rule("fhir.store.enableUpdateCreate-on", FHIR_STORES)
def test_update_creates_where_enabled(open_fhir: FhirClient) -> None:
    resource = patient(id=unique())
    answer = open_fhir.update(resource)
    assert (answer.status, answer.body["id"]) == (201, resource["id"])
    assert open_fhir.update(resource).status == 200


@pytest.mark.rule("fhir.history.newest-first-with-deletions", f"{FHIR_METHODS}/history")
def test_history_lists_every_version_and_the_deletion(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    fhir.update({**made, "active": True})
    reference = f"Patient/{made['id']}"
    fhir.delete(reference)
    bundle = fhir.history(reference).body
    assert bundle["type"] == "history"
    assert [item["request"]["method"] for item in bundle["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in bundle["entry"][0]
    page = fhir.history(reference, x_count=1).body
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert fhir.get(following).body["entry"][0]["request"]["method"] == "PUT"


@pytest.mark.rule("fhir.delete.always-200", f"{FHIR_METHODS}/delete")
def test_delete_succeeds_whether_or_not_the_resource_exists(fhir: FhirClient) -> None:
    reference = f"Patient/{fhir.create(patient()).body['id']}"
    assert [fhir.delete(reference).status for _ in range(2)] == [200, 200]
    assert fhir.delete("Patient/absent").status == 200


@pytest.mark.rule("fhir.delete.keeps-history", f"{FHIR_METHODS}/delete")
def test_deleted_resource_is_gone_but_its_version_is_not(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    fhir.delete(f"Patient/{made['id']}")
    assert fhir.read(f"Patient/{made['id']}").status == 410
    assert fhir.vread(f"Patient/{made['id']}", made["meta"]["versionId"]).body == made


@pytest.mark.rule("fhir.purge.removes-history", f"{FHIR_METHODS}/Resource-purge")
def test_purge_removes_all_but_the_current_version(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    newest = fhir.update({**made, "active": True}).body
    fhir.purge(f"Patient/{made['id']}")
    assert fhir.vread(f"Patient/{made['id']}", made["meta"]["versionId"]).status == 404
    assert fhir.read(f"Patient/{made['id']}").body == newest


@pytest.mark.rule("fhir.store.disableResourceVersioning", FHIR_STORES)
def test_store_without_versions_refuses_history(new_store: Callable[..., FhirClient]) -> None:
    store = new_store(disableResourceVersioning=True)
    made = store.create(patient()).body
    assert store.history(f"Patient/{made['id']}").status == 400
    store.delete(f"Patient/{made['id']}")
    assert store.read(f"Patient/{made['id']}").status == 404


@pytest.mark.rule("fhir.patch.json-patch", f"{FHIR_METHODS}/patch")
def test_patch_applies_json_patch(fhir: FhirClient) -> None:
    made = fhir.create(observation()).body
    operations = [
        {"op": "test", "path": "/status", "value": "preliminary"},
        {"op": "replace", "path": "/status", "value": "final"},
        {"op": "add", "path": "/note", "value": [{"text": "first"}]},
        {"op": "add", "path": "/note/-", "value": {"text": "second"}},
    ]
    answer = fhir.patch(f"Observation/{made['id']}", operations)
    assert (answer.status, answer.body["status"]) == (200, "final")
    assert [note["text"] for note in answer.body["note"]] == ["first", "second"]


@pytest.mark.rule("fhir.patch.only-json-patch", CONFORMANCE)
@pytest.mark.parametrize("content_type", ["application/fhir+json", "application/merge-patch+json"])
def test_other_patch_formats_are_refused(fhir: FhirClient, content_type: str) -> None:
    made = fhir.create(observation()).body
    operations = [{"op": "replace", "path": "/status", "value": "final"}]
    answer = fhir.patch(f"Observation/{made['id']}", operations, content_type=content_type)
    assert answer.status == 415


@pytest.mark.rule("fhir.patch.fails-whole", f"{HTTP}#patch")
def test_failed_patch_changes_nothing(fhir: FhirClient) -> None:
    made = fhir.create(observation()).body
    operations = [
        {"op": "replace", "path": "/status", "value": "final"},
        {"op": "test", "path": "/status", "value": "registered"},
    ]
    reference = f"Observation/{made['id']}"
    assert fhir.patch(reference, operations).status == 422
    assert fhir.patch(reference, [{"op": "remove", "path": "/status"}]).status == 400
    assert fhir.read(reference).body == made


@pytest.mark.rule("fhir.binary.raw-bytes", f"{FHIR_METHODS}/Binary-create")
def test_binary_keeps_raw_bytes(fhir: FhirClient) -> None:
    headers = {"Content-Type": "image/png"}
    url = f"{fhir.base}/Binary"
    made = requests.post(url, data=b"\x89PNG\x00", headers=headers, timeout=30)
    assert (made.status_code, made.content) == (201, b"")
    address = made.headers["location"].partition("/_history/")[0]
    raw = requests.get(address, timeout=30)
    assert (raw.content, raw.headers["content-type"]) == (b"\x89PNG\x00", "image/png")
    resource = requests.get(address, headers={"Accept": "application/fhir+json"}, timeout=30).json()
    assert base64.b64decode(resource["data"]) == b"\x89PNG\x00"


@pytest.mark.rule("fhir.binary.other-types-are-bytes", f"{FHIR_METHODS}/Binary-create")
def test_another_resource_sent_as_binary_is_bytes(fhir: FhirClient) -> None:
    headers = {"Content-Type": "application/fhir+json"}
    body = b'{"resourceType": "Patient", "gender": "other"}'
    made = requests.post(f"{fhir.base}/Binary", data=body, headers=headers, timeout=30)
    address = made.headers["location"].partition("/_history/")[0]
    assert requests.get(address, timeout=30).content == body
    assert fhir.search("Patient", {"gender": "other"}).resources == []


@pytest.mark.rule("fhir.capabilities", f"{FHIR_METHODS}/capabilities")
def test_capability_statement_states_the_store(fhir: FhirClient, open_fhir: FhirClient) -> None:
    def observations(client: FhirClient) -> dict[str, object]:
        (rest,) = client.metadata().body["rest"]
        return next(item for item in rest["resource"] if item["type"] == "Observation")

    assert fhir.metadata().body["fhirVersion"] == "4.0.1"
    assert "identifier" in {item["name"] for item in observations(fhir)["searchParam"]}
    assert [observations(client)["updateCreate"] for client in (fhir, open_fhir)] == [False, True]


@pytest.mark.rule("fhir.store.delete-removes-resources", f"{FHIR_STORES}/delete")
def test_deleting_the_store_deletes_its_resources(new_store: Callable[..., FhirClient]) -> None:
    store = new_store()
    made = store.create(patient()).body
    store.stores.delete(name=store.store).execute()
    answer = store.read(f"Patient/{made['id']}")
    assert (answer.status, answer.body["error"]["status"]) == (404, "NOT_FOUND")
