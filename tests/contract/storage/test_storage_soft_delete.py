"""Soft delete: listing, restoring, and the end of what was kept."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage
from tests.contract.conftest import RunningCloud

DOCS = "https://cloud.google.com/storage/docs/soft-delete"
USE = "https://cloud.google.com/storage/docs/use-soft-deleted-objects"
DAY_SECONDS = 24 * 3600


def _soft_deleted(bucket: storage.Bucket) -> list[storage.Blob]:
    return list(bucket.list_blobs(soft_deleted=True))


@pytest.mark.rule("storage.soft-delete.default", DOCS)
def test_a_new_bucket_keeps_what_is_deleted_for_seven_days(bucket: storage.Bucket) -> None:
    assert bucket.soft_delete_policy.retention_duration_seconds == 7 * DAY_SECONDS
    bucket.blob("o").upload_from_string(b"x")
    generation = bucket.get_blob("o").generation
    bucket.blob("o").delete()
    assert list(bucket.list_blobs(versions=True)) == []
    (kept,) = _soft_deleted(bucket)
    assert (kept.name, kept.generation) == ("o", generation)
    assert kept.hard_delete_time - kept.soft_delete_time == timedelta(days=7)


@pytest.mark.rule("storage.soft-delete.get", USE)
def test_a_soft_deleted_object_shows_metadata_never_content(bucket: storage.Bucket) -> None:
    bucket.blob("o").upload_from_string(b"x")
    generation = bucket.get_blob("o").generation
    bucket.blob("o").delete()
    found = bucket.get_blob("o", generation=generation, soft_deleted=True)
    assert (found.size, found.generation) == (1, generation)
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("o").reload(soft_deleted=True)
    with pytest.raises(exceptions.NotFound):
        bucket.blob("o", generation=generation).download_as_bytes()


@pytest.mark.rule("storage.soft-delete.restore", USE)
def test_a_restored_object_is_a_new_generation_of_the_same_content(bucket: storage.Bucket) -> None:
    blob = bucket.blob("o")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"precious", content_type="application/dicom")
    generation = blob.generation
    blob.delete()
    restored = bucket.restore_blob("o", generation=generation)
    assert restored.generation > generation
    found = bucket.get_blob("o")
    assert (found.metadata, found.content_type) == ({"k": "v"}, "application/dicom")
    assert found.download_as_bytes() == b"precious"


@pytest.mark.rule("storage.soft-delete.restore.precondition", USE)
def test_restoring_can_be_told_not_to_replace(bucket: storage.Bucket) -> None:
    bucket.blob("o").upload_from_string(b"old")
    generation = bucket.get_blob("o").generation
    bucket.blob("o").upload_from_string(b"new")
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.restore_blob("o", generation=generation, if_generation_match=0)
    assert bucket.blob("o").download_as_bytes() == b"new"
    with pytest.raises(exceptions.NotFound):
        bucket.restore_blob("o", generation=1)


@pytest.mark.rule("storage.soft-delete.overwrite", DOCS)
def test_what_is_overwritten_is_kept_too(bucket: storage.Bucket) -> None:
    for content in (b"1", b"2"):
        bucket.blob("o").upload_from_string(content)
    assert [blob.size for blob in _soft_deleted(bucket)] == [1]


@pytest.mark.rule("storage.soft-delete.versioning", DOCS)
def test_with_versioning_only_deleted_noncurrent_versions_are_kept(bucket: storage.Bucket) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    bucket.blob("o").upload_from_string(b"1")
    generation = bucket.get_blob("o").generation
    bucket.blob("o").delete()
    assert _soft_deleted(bucket) == []
    bucket.blob("o", generation=generation).delete()
    assert [blob.generation for blob in _soft_deleted(bucket)] == [generation]


@pytest.mark.rule("storage.soft-delete.off", DOCS)
def test_without_soft_delete_what_is_deleted_is_gone(storage_client: storage.Client) -> None:
    wanted = storage_client.bucket(f"bucket-{uuid.uuid4().hex[:12]}")
    wanted.soft_delete_policy.retention_duration_seconds = 0
    bucket = storage_client.create_bucket(wanted)
    bucket.blob("o").upload_from_string(b"x")
    bucket.blob("o").delete()
    assert _soft_deleted(bucket) == []


@pytest.mark.rule("storage.soft-delete.duration", f"{DOCS}#retention-duration")
@pytest.mark.parametrize("seconds", [1, 7 * DAY_SECONDS - 1, 90 * DAY_SECONDS + 1])
def test_a_duration_is_zero_or_seven_to_ninety_days(bucket: storage.Bucket, seconds: int) -> None:
    bucket.soft_delete_policy.retention_duration_seconds = seconds
    with pytest.raises(exceptions.BadRequest, match="softDeletePolicy"):
        bucket.patch()


@pytest.mark.rule("storage.soft-delete.end", DOCS)
def test_after_its_time_a_soft_deleted_object_is_gone(
    cloud: RunningCloud, bucket: storage.Bucket
) -> None:
    bucket.blob("o").upload_from_string(b"x")
    bucket.blob("o").delete()
    for days, kept in ((6.9, 1), (7.1, 0)):
        at = datetime.now(UTC) + timedelta(days=days)
        cloud.admin("POST", "lifecycle", {"at": at.isoformat()})
        assert len(_soft_deleted(bucket)) == kept


@pytest.mark.rule("storage.soft-delete.bucket", DOCS)
def test_a_bucket_with_only_soft_deleted_objects_counts_as_empty(bucket: storage.Bucket) -> None:
    bucket.blob("o").upload_from_string(b"x")
    bucket.blob("o").delete()
    bucket.delete()
    assert not bucket.exists()


@pytest.mark.rule(
    "storage.soft-delete.exclusive",
    "https://cloud.google.com/storage/docs/json_api/v1/objects/list#softDeleted",
)
def test_soft_deleted_and_versions_cannot_be_listed_together(
    cloud: RunningCloud, bucket: storage.Bucket
) -> None:
    answer = requests.get(
        f"{cloud.storage}/storage/v1/b/{bucket.name}/o",
        params={"softDeleted": "true", "versions": "true"},
        timeout=10,
    )
    assert answer.status_code == 400
