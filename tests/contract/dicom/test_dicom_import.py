"""Imports from Cloud Storage: patterns, counters, partial failure, cancelling, being killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from googleapiclient.errors import HttpError
from tests.contract.dicom.files import ct_series, encoded
from tests.contract.dicom.stores import DicomStore, datasets_api, path_of

IMPORT = (
    "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"
    "/projects.locations.datasets.dicomStores/import"
)
OPERATIONS = "https://cloud.google.com/healthcare-api/docs/best-practices-lros"
CANCELLED, NOT_FOUND, ABORTED = 1, 5, 10
# Enough batches for a client to act before the last one.
MANY = 160


def upload(bucket: storage.Bucket, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        bucket.blob(name).upload_from_string(content)


def imported(store: DicomStore) -> set[str]:
    """Return the SOPInstanceUIDs in a store."""
    return {item["00080018"]["Value"][0] for item in store.get("/instances").json()}


@pytest.fixture(scope="module")
def many(cloud: Any, bucket_of: Callable[[str], storage.Bucket]) -> storage.Bucket:
    """A bucket with so many slices that a client can act while they are imported."""
    bucket = bucket_of(cloud.storage)
    upload(bucket, {f"{n:03}.dcm": encoded(item) for n, item in enumerate(ct_series(MANY))})
    return bucket


@pytest.mark.rule("dicom.import.counters", IMPORT)
def test_a_clean_import_ends_with_a_response_and_counters_as_text(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    slices = ct_series(20)
    upload(bucket, {f"study/{n}.dcm": encoded(item) for n, item in enumerate(slices)})
    started = store.start_import(f"gs://{bucket.name}/study/**.dcm")
    assert started.keys() == {"name"}
    operation = store.wait(started)
    assert operation["metadata"]["counter"] == {"success": "20"}, "a zero count is absent"
    assert operation["response"]["@type"].endswith("ImportDicomDataResponse")
    assert "error" not in operation
    assert operation["metadata"]["endTime"] >= operation["metadata"]["createTime"]
    assert imported(store) == {item.SOPInstanceUID for item in slices}


@pytest.mark.rule("dicom.import.partial", OPERATIONS)
def test_an_import_with_bad_files_ends_with_an_error_and_keeps_the_good_ones(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    good, conflicting = ct_series(1)[0], ct_series(1)[0]
    store.put(conflicting)
    conflicting.StudyDescription = "OTHER BYTES"
    upload(
        bucket,
        {
            "a.dcm": encoded(good),
            "b.dcm": encoded(conflicting),
            "c.dcm": encoded(ct_series(1)[0])[:-7],
            "notes.txt": b"not DICOM",
            "empty": b"",
        },
    )
    operation = store.wait(store.start_import(f"gs://{bucket.name}/**"))
    assert operation["metadata"]["counter"] == {"success": "1", "failure": "4"}
    message = operation["error"]["message"]
    for name in ("b.dcm", "c.dcm", "notes.txt", "empty"):
        assert f"gs://{bucket.name}/{name}: " in message, "there is no other log to find it in"
    assert "/a.dcm" not in message
    assert "response" not in operation
    assert good.SOPInstanceUID in imported(store)


@pytest.mark.rule("dicom.import.again", IMPORT)
def test_importing_the_same_files_again_succeeds(store: DicomStore, bucket: storage.Bucket) -> None:
    upload(bucket, {"a.dcm": encoded(ct_series(1)[0])})
    for _ in range(2):
        operation = store.wait(store.start_import(f"gs://{bucket.name}/a.dcm"))
        assert operation["metadata"]["counter"] == {"success": "1"}
    assert len(imported(store)) == 1


@pytest.mark.rule("dicom.import.wildcards", IMPORT)
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/1.dcm", {0}),
        ("a/*", {0, 1}),
        ("a/*.dcm", {0}),
        ("?/*", {0, 1, 3}),
        ("a?1.dcm", {0}),
        ("a/1.???", {0}),
        ("a/**", {0, 1, 2}),
        ("a/**.dcm", {0, 2}),
        ("**", {0, 1, 2, 3}),
        ("a/b", set()),
        ("a/[12].dcm", set()),
    ],
)
def test_wildcards_choose_objects(
    store: DicomStore, bucket: storage.Bucket, pattern: str, expected: set[int]
) -> None:
    slices = ct_series(4)
    names = ("a/1.dcm", "a/2.img", "a/b/3.dcm", "c/4.dcm")
    upload(bucket, {name: encoded(item) for name, item in zip(names, slices, strict=True)})
    upload(bucket, {"a/": b""})
    operation = store.wait(store.start_import(f"gs://{bucket.name}/{pattern}"))
    assert imported(store) == {slices[number].SOPInstanceUID for number in expected}
    assert ("response" in operation) == bool(expected)


@pytest.mark.rule("dicom.import.uri", IMPORT)
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "bucket/a.dcm",
        "gs://bucket",
        "gs://bucket/",
        "gs://b*/x",
        "gs://b/*/x/**.dcm",
        "gs://b/**/x.dcm",
        "gs://b/**/**",
        "s3://b/x",
    ],
)
def test_an_invalid_uri_is_refused_at_once(store: DicomStore, uri: str) -> None:
    with pytest.raises(HttpError) as caught:
        store.start_import(uri)
    assert caught.value.status_code == 400


@pytest.mark.rule("dicom.import.missing", OPERATIONS)
def test_a_missing_bucket_or_object_fails_the_operation(
    store: DicomStore, bucket: storage.Bucket
) -> None:
    for uri in ("gs://no-such-bucket-here/*", f"gs://{bucket.name}/absent.dcm"):
        operation = store.wait(store.start_import(uri))
        assert operation["error"]["code"] == NOT_FOUND
        assert "counter" not in operation["metadata"]


@pytest.mark.rule("dicom.import.cancel", OPERATIONS)
def test_a_cancelled_import_ends_early(store: DicomStore, many: storage.Bucket) -> None:
    started = store.start_import(f"gs://{many.name}/**")
    store.datasets.operations().cancel(name=started["name"], body={}).execute()
    operation = store.wait(started)
    assert operation["metadata"]["cancelRequested"]
    assert operation["error"]["code"] == CANCELLED
    counter = operation["metadata"].get("counter", {})
    assert len(imported(store)) == int(counter.get("success", "0")) < MANY


@pytest.mark.rule("dicom.import.killed", OPERATIONS)
def test_an_import_killed_half_way_is_aborted_and_can_be_repeated(
    start_cloud: Any, bucket_of: Callable[[str], storage.Bucket], tmp_path: Path
) -> None:
    slices = ct_series(MANY)
    with start_cloud(tmp_path) as first:
        store = DicomStore.create(first.healthcare)
        bucket = bucket_of(first.storage)
        upload(bucket, {f"{n}.dcm": encoded(item) for n, item in enumerate(slices)})
        started = store.start_import(f"gs://{bucket.name}/**")
        deadline = time.monotonic() + 10
        while not imported(store):
            assert time.monotonic() < deadline
        first.process.kill()
        first.process.wait()
    with start_cloud(tmp_path) as second:
        datasets = datasets_api(second.healthcare)
        store = replace(store, base_url=second.healthcare, datasets=datasets)
        operation = datasets.operations().get(name=started["name"]).execute()
        assert operation["done"]
        assert operation["error"]["code"] == ABORTED
        survivors = imported(store)
        assert 0 < len(survivors) < len(slices)
        # Whatever is there is whole, the last ones above all.
        files = store.get("/instances").json()
        for item in files[-20:]:
            study, series, instance = (
                item[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")
            )
            found = store.web.retrieve_instance(study, series, instance)
            assert found.PixelData
        again = store.wait(store.start_import(f"gs://{bucket.name}/**"))
        assert again["metadata"]["counter"] == {"success": str(MANY)}


@pytest.mark.rule("dicom.import.removed", IMPORT)
def test_an_object_removed_while_an_import_runs_is_one_failed_file(
    store: DicomStore, many: storage.Bucket
) -> None:
    last = many.blob(f"{MANY - 1:03}.dcm")
    content = last.download_as_bytes()
    operation = store.start_import(f"gs://{many.name}/**")
    deadline = time.monotonic() + 10
    while "counter" not in operation.get("metadata", {}):
        assert time.monotonic() < deadline
        operation = store.datasets.operations().get(name=operation["name"]).execute()
    last.delete()
    operation = store.wait(operation)
    assert operation["metadata"]["counter"] == {"success": str(MANY - 1), "failure": "1"}
    assert operation["error"]["message"].startswith("1 of 160 files")
    many.blob(last.name).upload_from_string(content)


@pytest.mark.rule(
    "dicom.import.lag", "https://cloud.google.com/healthcare-api/docs/dicom#search_transaction"
)
def test_imported_instances_are_found_late_and_retrieved_at_once(
    start_cloud: Any, bucket_of: Callable[[str], storage.Bucket], tmp_path: Path
) -> None:
    (dataset,) = ct_series(1)
    with start_cloud(tmp_path, "--set", "index_lag_seconds=60") as late:
        store = DicomStore.create(late.healthcare)
        bucket = bucket_of(late.storage)
        upload(bucket, {"one.dcm": encoded(dataset)})
        store.wait(store.start_import(f"gs://{bucket.name}/one.dcm"))
        assert store.get("/instances").json() == []
        assert store.get(path_of(dataset)).status_code == 200
        late.admin("PATCH", "behaviour", {"index_lag_seconds": 0})
        assert imported(store) == {dataset.SOPInstanceUID}


@pytest.mark.rule("localcloud.import.memory", IMPORT)
def test_memory_does_not_grow_with_what_is_imported(
    cloud: Any, store: DicomStore, bucket: storage.Bucket
) -> None:
    def peak_mebibytes() -> int:
        status = Path(f"/proc/{cloud.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    dataset = ct_series(1, Rows=2048, Columns=2048)[0]
    dataset.PixelData = bytes(8 << 20)
    original = bucket.blob("0.dcm")
    original.upload_from_string(encoded(dataset))
    for number in range(1, 60):
        bucket.copy_blob(original, bucket, f"{number}.dcm")
    Path(f"/proc/{cloud.process.pid}/clear_refs").write_text("5")
    before = peak_mebibytes()
    operation = store.wait(store.start_import(f"gs://{bucket.name}/*"))
    assert operation["metadata"]["counter"] == {"success": "60"}
    assert peak_mebibytes() - before < 240, "480 MiB were read"
