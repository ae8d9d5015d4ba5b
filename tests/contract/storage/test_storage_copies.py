"""Copies in all forms: large rewrites by token, old generations, composing."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage
from tests.contract.conftest import RunningCloud

DOCS = "https://cloud.google.com/storage/docs"
REWRITE = f"{DOCS}/json_api/v1/objects/rewrite"
MIB = 1 << 20


def _rewrite(cloud: RunningCloud, bucket: storage.Bucket, **query: object) -> requests.Response:
    return requests.post(
        f"{cloud.storage}/storage/v1/b/{bucket.name}/o/from/rewriteTo/b/{bucket.name}/o/to",
        params=query,
        timeout=10,
    )


@pytest.fixture
def large(bucket: storage.Bucket) -> storage.Bucket:
    """A bucket with an object ``from`` of two and a half MiB."""
    bucket.blob("from").upload_from_file(io.BytesIO(b"x" * (5 * MIB // 2)))
    return bucket


@pytest.mark.rule("storage.rewrite.token", REWRITE)
def test_a_bounded_rewrite_goes_on_by_its_token(cloud: RunningCloud, large: storage.Bucket) -> None:
    steps, token = [], None
    while not steps or token:
        query = {"rewriteToken": token} if token else {}
        answer = _rewrite(cloud, large, maxBytesRewrittenPerCall=MIB, **query).json()
        steps.append((int(answer["totalBytesRewritten"]), answer["done"]))
        token = answer.get("rewriteToken")
        assert large.blob("to").exists() == answer["done"]
    assert steps == [(MIB, False), (2 * MIB, False), (5 * MIB // 2, True)]
    assert large.get_blob("to").size == 5 * MIB // 2


@pytest.mark.rule("storage.rewrite.token.invalid", REWRITE)
def test_a_token_belongs_to_its_request(cloud: RunningCloud, large: storage.Bucket) -> None:
    token = _rewrite(cloud, large, maxBytesRewrittenPerCall=MIB).json()["rewriteToken"]
    assert _rewrite(cloud, large, rewriteToken="nonsense").status_code == 400
    assert _rewrite(cloud, large, maxBytesRewrittenPerCall=1000).status_code == 400
    large.blob("from").upload_from_string(b"changed")
    assert _rewrite(cloud, large, rewriteToken=token).status_code == 400


@pytest.mark.rule("storage.versioning.restore", f"{DOCS}/using-versioned-objects#restore")
def test_an_old_generation_is_restored_by_copying_it(bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    bucket.blob("o").upload_from_string(b"good")
    good = bucket.get_blob("o").generation
    bucket.blob("o").upload_from_string(b"bad")
    bucket.copy_blob(bucket.blob("o"), bucket, "o", source_generation=good)
    assert bucket.blob("o").download_as_bytes() == b"good"
    assert len(list(bucket.list_blobs(versions=True))) == 3


@pytest.mark.rule("storage.versioning.listing", f"{DOCS}/object-versioning")
def test_a_noncurrent_version_tells_when_it_ended(bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    for content in (b"1", b"2"):
        bucket.blob("o").upload_from_string(content)
    old, live = bucket.list_blobs(versions=True)
    assert old.generation < live.generation
    assert (old.time_deleted is None, live.time_deleted is None) == (False, True)
    assert [blob.generation for blob in bucket.list_blobs()] == [live.generation]


@pytest.mark.rule("storage.versioning.metadata", f"{DOCS}/json_api/v1/objects/patch")
def test_a_noncurrent_version_can_be_patched(bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    for content in (b"1", b"2"):
        bucket.blob("o").upload_from_string(content)
    old = next(iter(bucket.list_blobs(versions=True)))
    old.metadata = {"k": "v"}
    old.patch()
    assert bucket.get_blob("o", generation=old.generation).metadata == {"k": "v"}
    assert bucket.get_blob("o").metadata is None


@pytest.mark.rule("storage.objects.copy.across", f"{DOCS}/json_api/v1/objects/copy")
def test_a_copy_goes_to_another_bucket(
    storage_client: storage.Client, bucket: storage.Bucket
) -> None:
    other = storage_client.create_bucket(f"bucket-{uuid.uuid4().hex[:12]}")
    blob = bucket.blob("o")
    blob.upload_from_string(b"content", content_type="application/dicom")
    bucket.copy_blob(blob, other, "copy")
    found = other.get_blob("copy")
    assert (found.content_type, found.download_as_bytes()) == ("application/dicom", b"content")
    with pytest.raises(exceptions.NotFound):
        bucket.copy_blob(blob, storage_client.bucket("no-such-bucket-here"), "copy")


@pytest.mark.rule("storage.objects.compose.content", f"{DOCS}/composite-objects")
def test_compose_joins_its_parts_in_order(bucket: storage.Bucket) -> None:
    for name in "abc":
        bucket.blob(name).upload_from_string(name * 3)
    bucket.blob("abc").compose([bucket.blob(name) for name in "cab"])
    assert bucket.blob("abc").download_as_bytes() == b"cccaaabbb"


@pytest.mark.rule("storage.objects.compose.append", f"{DOCS}/composing-objects#appends")
def test_an_object_can_be_its_own_part(bucket: storage.Bucket) -> None:
    bucket.blob("log").upload_from_string(b"one;")
    bucket.blob("more").upload_from_string(b"two;")
    log = bucket.get_blob("log")
    bucket.blob("log").compose([log, bucket.blob("more")], if_generation_match=log.generation)
    assert bucket.blob("log").download_as_bytes() == b"one;two;"


@pytest.mark.rule("storage.objects.move.replaces", f"{DOCS}/json_api/v1/objects/move")
def test_a_move_replaces_its_target_and_keeps_metadata(bucket: storage.Bucket) -> None:
    blob = bucket.blob("from")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"new")
    bucket.blob("to").upload_from_string(b"old")
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.move_blob(blob, "to", if_generation_match=0)
    bucket.move_blob(blob, "to")
    found = bucket.get_blob("to")
    assert (found.metadata, found.download_as_bytes()) == ({"k": "v"}, b"new")
    with pytest.raises(exceptions.NotFound):
        bucket.move_blob(bucket.blob("absent"), "anywhere")


@pytest.mark.rule("storage.objects.custom-time", f"{DOCS}/metadata#custom-time")
def test_a_custom_time_only_moves_forward(bucket: storage.Bucket) -> None:
    blob = bucket.blob("o")
    blob.custom_time = datetime(2025, 6, 1, tzinfo=UTC)
    blob.upload_from_string(b"x")
    blob.custom_time = datetime(2025, 7, 1, tzinfo=UTC)
    blob.patch()
    blob.custom_time = datetime(2025, 5, 1, tzinfo=UTC)
    with pytest.raises(exceptions.BadRequest, match="customTime"):
        blob.patch()
    assert bucket.get_blob("o").custom_time == datetime(2025, 7, 1, tzinfo=UTC)
