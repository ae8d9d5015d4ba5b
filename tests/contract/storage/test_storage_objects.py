"""Objects through the official client: content, metadata, copies, versions."""

from __future__ import annotations

import gzip
import os
import time

import pytest
from google.api_core import exceptions
from google.cloud import storage

DOCS = "https://cloud.google.com/storage/docs"
HOSTILE_NAMES = [
    "../../etc/passwd",
    "a/../b",
    "..//",
    "plain%2Fpercent",
    "quest?ion#hash&amp=1",
    "spaces and + plus",
    "ảnh/Ngực/画像.dcm",
    "emoji-\N{SKULL}",
    "colon:verb",
    "tab\tinside",
    "n" * 300,
    "é" * 512,
]


@pytest.mark.rule("storage.objects.naming", f"{DOCS}/objects#naming")
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:30])
def test_any_permitted_name_keeps_its_object(bucket: storage.Bucket, name: str) -> None:
    content = name.encode()
    bucket.blob(name).upload_from_string(content)
    bucket.copy_blob(bucket.blob(name), bucket, f"copy of {name}"[:200])
    assert bucket.blob(name).download_as_bytes() == content
    assert name in [blob.name for blob in bucket.list_blobs()]
    assert bucket.get_blob(name).size == len(content)
    bucket.blob(name).delete()
    assert not bucket.blob(name).exists()


@pytest.mark.rule("storage.objects.naming.length", f"{DOCS}/objects#naming")
@pytest.mark.parametrize("name", ["n" * 1025, "é" * 513, "line\nbreak", "."])
def test_a_forbidden_name_is_refused(bucket: storage.Bucket, name: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        bucket.blob(name).upload_from_string(b"x")


@pytest.mark.rule("storage.objects.metadata", f"{DOCS}/metadata")
def test_metadata_comes_back_as_it_was_given(bucket: storage.Bucket) -> None:
    blob = bucket.blob("image.dcm")
    blob.metadata = {"sender": "Room 4", "naïve": "käse"}
    blob.cache_control = "no-store"
    blob.upload_from_string(b"DICM" * 10, content_type="application/dicom")
    found = bucket.get_blob("image.dcm")
    assert (found.content_type, found.cache_control) == ("application/dicom", "no-store")
    assert found.metadata == {"sender": "Room 4", "naïve": "käse"}
    assert (found.size, found.metageneration) == (40, 1)
    assert found.generation > 1_600_000_000_000_000


@pytest.mark.rule("storage.objects.patch", f"{DOCS}/json_api/v1/objects/patch")
def test_patch_merges_and_counts_metageneration(bucket: storage.Bucket) -> None:
    blob = bucket.blob("o")
    blob.metadata = {"keep": "1", "drop": "2"}
    blob.upload_from_string(b"x", content_type="text/plain")
    blob.metadata = {"drop": None, "add": "3"}
    blob.patch()
    found = bucket.get_blob("o")
    assert found.metadata == {"keep": "1", "add": "3"}
    assert (found.content_type, found.metageneration) == ("text/plain", 2)
    assert found.generation == blob.generation


@pytest.mark.rule("storage.objects.update", f"{DOCS}/json_api/v1/objects/update")
def test_update_replaces_what_a_caller_may_set(bucket: storage.Bucket) -> None:
    blob = bucket.blob("o")
    blob.metadata = {"old": "1"}
    blob.upload_from_string(b"x")
    fresh = bucket.blob("o")
    fresh.content_language = "de"
    fresh.update()
    found = bucket.get_blob("o")
    assert (found.metadata, found.content_language, found.size) == (None, "de", 1)


@pytest.mark.rule("storage.objects.range", f"{DOCS}/json_api/v1/objects/get")
def test_ranged_reads_give_exactly_the_bytes_asked_for(bucket: storage.Bucket) -> None:
    bucket.blob("o").upload_from_string(b"0123456789")
    blob = bucket.blob("o")
    assert blob.download_as_bytes(start=2, end=5) == b"2345"
    assert blob.download_as_bytes(start=7) == b"789"
    assert blob.download_as_bytes(start=-3) == b"789"
    assert blob.download_as_bytes(start=8, end=500) == b"89"
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


@pytest.mark.rule("storage.objects.get.media", f"{DOCS}/json_api/v1/objects/get")
def test_a_large_object_is_streamed_whole(bucket: storage.Bucket) -> None:
    content = os.urandom(9_000_001)
    bucket.blob("o").upload_from_string(content)
    assert bucket.blob("o").download_as_bytes() == content
    with bucket.blob("o").open("rb", chunk_size=1 << 20) as reader:
        reader.seek(4_000_000)
        assert reader.read(10) == content[4_000_000:4_000_010]


@pytest.mark.rule("storage.transcoding", f"{DOCS}/transcoding")
def test_gzip_content_is_unpacked_for_a_reader_that_did_not_ask_for_gzip(
    bucket: storage.Bucket,
) -> None:
    blob = bucket.blob("o")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(b"plain text"))
    assert bucket.blob("o").download_as_bytes() == b"plain text"
    assert gzip.decompress(bucket.blob("o").download_as_bytes(raw_download=True)) == b"plain text"


@pytest.mark.rule("storage.objects.copy", f"{DOCS}/json_api/v1/objects/copy")
def test_a_copy_keeps_content_and_metadata(bucket: storage.Bucket) -> None:
    blob = bucket.blob("from")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"abc", content_type="application/dicom")
    copy = bucket.copy_blob(blob, bucket, "to/here")
    copy.reload()
    assert copy.download_as_bytes() == b"abc"
    assert (copy.metadata, copy.content_type) == ({"k": "v"}, "application/dicom")
    assert copy.generation != blob.generation


@pytest.mark.rule("storage.objects.rewrite", f"{DOCS}/json_api/v1/objects/rewrite")
def test_rewrite_can_give_new_metadata_and_storage_class(bucket: storage.Bucket) -> None:
    blob = bucket.blob("from")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"abc")
    target = bucket.blob("to")
    target.metadata = {"new": "1"}
    token, rewritten, total = target.rewrite(blob)
    assert (token, rewritten, total) == (None, 3, 3)
    assert bucket.get_blob("to").metadata == {"new": "1"}
    blob.update_storage_class("NEARLINE")
    assert bucket.get_blob("from").storage_class == "NEARLINE"
    assert bucket.get_blob("from").metadata == {"k": "v"}


@pytest.mark.rule("storage.objects.move", f"{DOCS}/json_api/v1/objects/move")
def test_move_leaves_nothing_behind(bucket: storage.Bucket) -> None:
    bucket.blob("from").upload_from_string(b"abc")
    moved = bucket.move_blob(bucket.blob("from"), "to")
    assert moved.download_as_bytes() == b"abc"
    assert [blob.name for blob in bucket.list_blobs()] == ["to"]


@pytest.mark.rule("storage.objects.compose", f"{DOCS}/composite-objects")
def test_compose_joins_in_order_and_has_no_md5(bucket: storage.Bucket) -> None:
    for name in "abc":
        bucket.blob(name).upload_from_string(name * 3)
    composed = bucket.blob("abc")
    composed.content_type = "text/plain"
    composed.compose([bucket.blob(name) for name in "abc"])
    found = bucket.get_blob("abc")
    assert found.download_as_bytes() == b"aaabbbccc"
    assert (found.component_count, found.md5_hash, found.content_type) == (3, None, "text/plain")
    with pytest.raises(exceptions.BadRequest, match="32"):
        bucket.blob("x").compose([bucket.blob("a")] * 33)
    with pytest.raises(exceptions.NotFound):
        bucket.blob("x").compose([bucket.blob("absent")])


@pytest.mark.rule("storage.versioning", f"{DOCS}/object-versioning")
def test_versions_survive_overwriting_and_deleting(bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    for content in (b"one", b"two"):
        bucket.blob("o").upload_from_string(content)
    first, second = sorted(blob.generation for blob in bucket.list_blobs(versions=True))
    assert bucket.blob("o", generation=first).download_as_bytes() == b"one"
    bucket.blob("o").delete()
    assert not bucket.blob("o").exists()
    archived = {b.generation: b.time_deleted for b in bucket.list_blobs(versions=True)}
    assert set(archived) == {first, second}
    assert all(archived.values())
    bucket.blob("o", generation=first).delete()
    assert [b.generation for b in bucket.list_blobs(versions=True)] == [second]


@pytest.mark.rule("storage.versioning.off", f"{DOCS}/object-versioning")
def test_without_versioning_only_the_newest_exists(bucket: storage.Bucket) -> None:
    bucket.blob("o").upload_from_string(b"one")
    first = bucket.get_blob("o").generation
    bucket.blob("o").upload_from_string(b"two")
    assert len(list(bucket.list_blobs(versions=True))) == 1
    with pytest.raises(exceptions.NotFound):
        bucket.blob("o", generation=first).download_as_bytes()


@pytest.mark.rule("storage.holds", f"{DOCS}/object-holds")
def test_a_held_object_can_be_neither_deleted_nor_replaced(bucket: storage.Bucket) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(b"x")
    blob.temporary_hold = True
    blob.patch()
    with pytest.raises(exceptions.Forbidden, match="hold"):
        blob.delete()
    with pytest.raises(exceptions.Forbidden, match="hold"):
        bucket.blob("o").upload_from_string(b"y")
    blob.temporary_hold = False
    blob.patch()
    blob.delete()


@pytest.mark.rule("storage.retention", f"{DOCS}/bucket-lock")
def test_an_object_is_kept_for_the_retention_period(bucket: storage.Bucket) -> None:
    bucket.retention_period = 1
    bucket.patch()
    blob = bucket.blob("o")
    blob.upload_from_string(b"x")
    with pytest.raises(exceptions.Forbidden, match="retention"):
        blob.delete()
    time.sleep(1.1)
    blob.delete()


@pytest.mark.rule("storage.batch", f"{DOCS}/batch")
def test_a_batch_answers_each_of_its_calls(
    bucket: storage.Bucket, storage_client: storage.Client
) -> None:
    for name in ("a", "b/ü", "c"):
        bucket.blob(name).upload_from_string(b"x")
    with storage_client.batch():
        bucket.blob("a").delete()
        bucket.blob("b/ü").delete()
        patched = bucket.blob("c")
        patched.content_type = "text/plain"
        patched.patch()
    assert [(b.name, b.content_type) for b in bucket.list_blobs()] == [("c", "text/plain")]
    with pytest.raises(exceptions.NotFound), storage_client.batch():
        bucket.blob("absent").delete()


@pytest.mark.rule("storage.objects.delete", f"{DOCS}/json_api/v1/objects/delete")
def test_a_deleted_object_is_gone(bucket: storage.Bucket) -> None:
    bucket.blob("o").upload_from_string(b"x")
    bucket.blob("o").delete()
    assert not bucket.blob("o").exists()
    for action in (bucket.blob("o").delete, bucket.blob("o").download_as_bytes):
        with pytest.raises(exceptions.NotFound):
            action()


@pytest.mark.rule("storage.objects.not-found", f"{DOCS}/json_api/v1/status-codes#404-not-found")
def test_what_does_not_exist_is_named(
    bucket: storage.Bucket, storage_client: storage.Client
) -> None:
    with pytest.raises(exceptions.NotFound, match=f"{bucket.name}/absent"):
        bucket.blob("absent").delete()
    with pytest.raises(exceptions.NotFound):
        bucket.blob("absent").download_as_bytes()
    with pytest.raises(exceptions.NotFound, match="bucket does not exist"):
        storage_client.bucket("no-such-bucket-here").blob("o").upload_from_string(b"x")
