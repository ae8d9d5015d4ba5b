"""Resources in and out of Cloud Storage, many at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import storage
from googleapiclient.errors import HttpError
from tests.contract.fhir.buckets import contents
from tests.contract.fhir.fhir_client import (
    FHIR_STORES,
    IMPORT,
    FhirClient,
    observation,
    patient,
    refer,
    unique,
)

Store = Callable[..., FhirClient]
METHOD = f"{FHIR_STORES}/import"
EXPORT = f"{FHIR_STORES}/export"


@pytest.fixture
def fhir(new_store: Store) -> FhirClient:
    return new_store()


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"resourceType": "Patient", "id": f"p{n}"} for n in range(count)]


def bundle(resources: list[dict[str, Any]], kind: str = "transaction") -> dict[str, Any]:
    entries = [{"resource": item} for item in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def lines(*documents: object) -> str:
    return "\n".join(json.dumps(document) for document in documents)


def upload(bucket: storage.Bucket, **files: str) -> None:
    for name, content in files.items():
        bucket.blob(name.replace("__", "/")).upload_from_string(content)


def load(fhir: FhirClient, bucket: storage.Bucket, name: str, **body: Any) -> dict[str, Any]:
    """Import and return the finished operation."""
    source = {"uri": f"gs://{bucket.name}/{name}"}
    return fhir.operation("import_", gcsSource=source, **body)


@pytest.mark.rule("fhir.import.structures", METHOD)
@pytest.mark.parametrize(
    ("structure", "content"),
    [
        ("RESOURCE", lines(*numbered(3))),
        ("RESOURCE", "\n\n".join(json.dumps(item) for item in numbered(3)) + "\n"),
        ("RESOURCE_PRETTY", json.dumps(numbered(1)[0], indent=2)),
        ("BUNDLE", lines(bundle(numbered(2)), bundle(numbered(3)[2:], "searchset"))),
        ("BUNDLE_PRETTY", json.dumps(bundle(numbered(3)), indent=2)),
        (None, lines(bundle(numbered(3)))),
    ],
    ids=["lines", "blank lines", "pretty", "bundles", "pretty bundle", "default"],
)
def test_files_of_every_structure_are_imported(
    fhir: FhirClient, bucket: storage.Bucket, structure: str | None, content: str
) -> None:
    upload(bucket, data=content)
    chosen = {"contentStructure": structure} if structure else {}
    operation = load(fhir, bucket, "data", **chosen)
    count = 1 if structure == "RESOURCE_PRETTY" else 3
    assert operation["metadata"]["counter"] == {"success": str(count)}
    method = "google.cloud.healthcare.v1.fhir.FhirService.ImportResources"
    assert operation["metadata"]["apiMethodName"] == method
    assert operation["response"]["@type"].endswith("fhir.rest.ImportResourcesResponse")
    assert fhir.search("Patient").ids == {f"p{n}" for n in range(count)}


@pytest.mark.rule("fhir.import.wildcards", METHOD)
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a/*", {"p0"}), ("a/**.ndjson", {"p0", "p1"}), ("**", {"p0", "p1", "p2"}), ("?/x*", {"p0"})],
)
def test_wildcards_choose_files(
    fhir: FhirClient, bucket: storage.Bucket, pattern: str, expected: set[str]
) -> None:
    first, second, third = (json.dumps(item) for item in numbered(3))
    bucket.blob("a/x.ndjson").upload_from_string(first)
    bucket.blob("a/b/y.ndjson").upload_from_string(second)
    bucket.blob("c.json").upload_from_string(third)
    load(fhir, bucket, pattern, contentStructure="RESOURCE")
    assert fhir.search("Patient").ids == expected


@pytest.mark.rule("fhir.import.partial-failure", IMPORT)
def test_what_is_no_resource_is_counted_and_the_rest_is_kept(
    fhir: FhirClient, bucket: storage.Bucket
) -> None:
    nameless = {"resourceType": "Patient"}
    upload(bucket, mixed=lines(*numbered(2)) + "\n{broken\n" + lines(nameless, {"a": 1}))
    operation = load(fhir, bucket, "mixed", contentStructure="RESOURCE")
    assert operation["metadata"]["counter"] == {"success": "2", "failure": "3"}
    assert "response" not in operation
    assert f"gs://{bucket.name}/mixed line 3" in operation["error"]["message"]
    assert fhir.search("Patient").ids == {"p0", "p1"}


@pytest.mark.rule("fhir.import.nothing-matches", METHOD)
def test_an_import_of_nothing_fails(fhir: FhirClient, bucket: storage.Bucket) -> None:
    assert load(fhir, bucket, "none/*")["error"]["code"] == 5
    missing = fhir.operation("import_", gcsSource={"uri": f"gs://missing-{unique()}/*"})
    assert missing["error"]["code"] == 5


@pytest.mark.rule("fhir.import.history-bundle", IMPORT)
def test_a_history_bundle_is_rejected(fhir: FhirClient, bucket: storage.Bucket) -> None:
    upload(bucket, past=lines(bundle(numbered(1), "history")))
    assert load(fhir, bucket, "past")["metadata"]["counter"] == {"failure": "1"}
    assert fhir.search("Patient").resources == []


@pytest.mark.rule("fhir.import.ignores-integrity", IMPORT)
def test_references_to_nothing_are_imported(fhir: FhirClient, bucket: storage.Bucket) -> None:
    dangling = observation(id="o1", subject=refer("Patient/nobody"))
    upload(bucket, data=lines(dangling))
    load(fhir, bucket, "data", contentStructure="RESOURCE")
    assert fhir.read("Observation/o1").status == 200
    # From then on the reference counts again, so the resource cannot be written as it is.
    assert fhir.update(fhir.read("Observation/o1").body).status == 400


@pytest.mark.rule("fhir.import.overwrites", IMPORT)
def test_the_newest_version_is_overwritten_without_a_trace(
    open_fhir: FhirClient, bucket: storage.Bucket
) -> None:
    identifier = unique()
    resource = {"resourceType": "Patient", "id": identifier, "gender": "male"}
    open_fhir.update(resource)
    open_fhir.update({**resource, "gender": "female"})
    upload(bucket, data=lines({**resource, "gender": "other"}))
    for _ in range(2):
        load(open_fhir, bucket, "data", contentStructure="RESOURCE")
    history = open_fhir.history(f"Patient/{identifier}").resources
    assert [item["gender"] for item in history] == ["other", "male"]


@pytest.mark.rule("fhir.import.duplicates-count", IMPORT)
def test_every_resource_of_the_input_counts(fhir: FhirClient, bucket: storage.Bucket) -> None:
    upload(bucket, data=lines(*numbered(1), *numbered(1)))
    operation = load(fhir, bucket, "data", contentStructure="RESOURCE")
    assert operation["metadata"]["counter"] == {"success": "2"}
    assert fhir.search("Patient").body["total"] == 1


@pytest.mark.rule("fhir.import.bad-request", METHOD)
@pytest.mark.parametrize("uri", ["", "https://example.org/x", "gs://bucket", "gs://b/**/x.json"])
def test_an_import_from_nowhere_is_refused_at_once(fhir: FhirClient, uri: str) -> None:
    with pytest.raises(HttpError) as caught:
        fhir.operation("import_", gcsSource={"uri": uri})
    assert caught.value.resp.status == 400


@pytest.mark.rule("fhir.export.ndjson", EXPORT)
def test_one_object_of_lines_is_written_for_each_type(
    fhir: FhirClient, bucket: storage.Bucket
) -> None:
    made = [fhir.create(item).body for item in (patient(), patient(), observation())]
    fhir.delete(f"Patient/{made[0]['id']}")
    destination = {"uriPrefix": f"gs://{bucket.name}/out"}
    operation = fhir.operation("export", gcsDestination=destination)
    assert operation["metadata"]["counter"] == {"success": "2"}
    assert operation["response"]["@type"].endswith("fhir.rest.ExportResourcesResponse")
    written = contents(bucket)
    assert set(written) == {"out/Observation.ndjson", "out/Patient.ndjson"}
    assert [json.loads(line) for line in written["out/Patient.ndjson"]] == [made[1]]


@pytest.mark.rule("fhir.export.filters", EXPORT)
def test_an_export_may_be_of_some_types_since_some_time(
    fhir: FhirClient, bucket: storage.Bucket
) -> None:
    fhir.create(patient())
    old = fhir.create(observation()).body
    new = fhir.create(observation()).body
    fhir.operation(
        "export",
        gcsDestination={"uriPrefix": f"gs://{bucket.name}/"},
        _type="Observation,Task",
        _since=old["meta"]["lastUpdated"],
    )
    (lines_of_observations,) = contents(bucket).values()
    assert [json.loads(line)["id"] for line in lines_of_observations] == [new["id"]]


@pytest.mark.rule("fhir.export.bad-request", EXPORT)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"gcsDestination": {"uriPrefix": "bucket"}},
        {"gcsDestination": {"uriPrefix": "gs://b/"}, "_type": "Nothing"},
        {"gcsDestination": {"uriPrefix": "gs://b/"}, "_since": "2026"},
    ],
    ids=str,
)
def test_an_export_to_nowhere_is_refused_at_once(fhir: FhirClient, body: dict[str, Any]) -> None:
    with pytest.raises(HttpError) as caught:
        fhir.operation("export", **body)
    assert caught.value.resp.status == 400


@pytest.mark.rule("fhir.export.missing-bucket", EXPORT)
def test_an_export_to_a_missing_bucket_fails(fhir: FhirClient) -> None:
    destination = {"uriPrefix": f"gs://missing-{unique()}/"}
    assert fhir.operation("export", gcsDestination=destination)["error"]["code"] == 5


@pytest.mark.rule("fhir.export.round-trip", EXPORT)
def test_what_is_exported_can_be_imported(
    fhir: FhirClient, new_store: Store, bucket: storage.Bucket
) -> None:
    made = fhir.create(patient(name=[{"family": "Ångström"}])).body
    fhir.operation("export", gcsDestination={"uriPrefix": f"gs://{bucket.name}/all"})
    copy = new_store()
    load(copy, bucket, "all/**.ndjson", contentStructure="RESOURCE")
    copied = copy.read(f"Patient/{made['id']}").body
    assert {**copied, "meta": None} == {**made, "meta": None}
