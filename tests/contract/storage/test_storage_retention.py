"""Retention policies, their locks, and objects with a retention of their own."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud import storage

LOCK = "https://cloud.google.com/storage/docs/bucket-lock"
OBJECT_LOCK = "https://cloud.google.com/storage/docs/object-lock"
HOLDS = "https://cloud.google.com/storage/docs/object-holds"


@pytest.fixture
def retaining(storage_client: storage.Client) -> storage.Bucket:
    """A bucket whose objects may have a retention of their own."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    return storage_client.create_bucket(name, enable_object_retention=True)


def _retain(blob: storage.Blob, mode: str, days: float, **options: bool) -> None:
    blob.retention.mode = mode
    blob.retention.retain_until_time = datetime.now(UTC) + timedelta(days=days)
    blob.patch(**options)


@pytest.mark.rule("storage.retention.lock", LOCK)
def test_a_locked_policy_can_only_be_prolonged(bucket: storage.Bucket) -> None:
    bucket.retention_period = 100
    bucket.patch()
    bucket.lock_retention_policy()
    assert bucket.retention_policy_locked
    bucket.retention_period = 50
    with pytest.raises(exceptions.Forbidden):
        bucket.patch()
    bucket.retention_period = None
    with pytest.raises(exceptions.Forbidden):
        bucket.patch()
    bucket.reload()
    bucket.retention_period = 200
    bucket.patch()
    assert bucket.retention_period == 200


@pytest.mark.rule(
    "storage.retention.lock.precondition",
    "https://cloud.google.com/storage/docs/json_api/v1/buckets/lockRetentionPolicy",
)
def test_a_lock_needs_the_metageneration_it_was_decided_on(
    storage_client: storage.Client, bucket: storage.Bucket
) -> None:
    stale = storage_client.get_bucket(bucket.name)
    stale.retention_period = 100
    bucket.retention_period = 3600
    bucket.patch()
    with pytest.raises(exceptions.PreconditionFailed):
        stale.lock_retention_policy()


@pytest.mark.rule("storage.retention.period", LOCK)
@pytest.mark.parametrize("seconds", [0, -1, 3_155_760_000])
def test_a_period_is_positive_and_below_a_century(bucket: storage.Bucket, seconds: int) -> None:
    bucket.retention_period = seconds
    with pytest.raises(exceptions.BadRequest, match="retentionPeriod"):
        bucket.patch()


@pytest.mark.rule("storage.retention.overwrite", LOCK)
def test_a_retained_object_is_not_overwritten_but_its_metadata_is(bucket: storage.Bucket) -> None:
    bucket.retention_period = 3600
    bucket.patch()
    blob = bucket.blob("o")
    blob.upload_from_string(b"x")
    with pytest.raises(exceptions.Forbidden):
        bucket.blob("o").upload_from_string(b"y")
    blob.metadata = {"k": "v"}
    blob.patch()
    assert bucket.get_blob("o").metadata == {"k": "v"}


@pytest.mark.rule("storage.object-retention.unlocked", OBJECT_LOCK)
def test_an_unlocked_retention_yields_only_when_overridden(retaining: storage.Bucket) -> None:
    blob = retaining.blob("o")
    blob.upload_from_string(b"x")
    _retain(blob, "Unlocked", 10)
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    with pytest.raises(exceptions.Forbidden):
        _retain(blob, "Unlocked", 5)
    _retain(blob, "Unlocked", -1, override_unlocked_retention=True)
    blob.delete()


@pytest.mark.rule("storage.object-retention.locked", OBJECT_LOCK)
def test_a_locked_retention_never_yields(retaining: storage.Bucket) -> None:
    blob = retaining.blob("o")
    blob.upload_from_string(b"x")
    _retain(blob, "Locked", 10)
    with pytest.raises(exceptions.Forbidden, match="locked"):
        _retain(blob, "Locked", 5, override_unlocked_retention=True)
    with pytest.raises(exceptions.Forbidden, match="locked"):
        _retain(blob, "Unlocked", 20, override_unlocked_retention=True)
    _retain(blob, "Locked", 20)


@pytest.mark.rule("storage.object-retention.enabled", OBJECT_LOCK)
def test_a_bucket_must_have_been_made_for_it(
    bucket: storage.Bucket, retaining: storage.Bucket
) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(b"x")
    with pytest.raises(exceptions.BadRequest, match="enableObjectRetention"):
        _retain(blob, "Unlocked", 1)
    retaining.reload()
    assert retaining.object_retention_mode == "Enabled"


@pytest.mark.rule("storage.holds.default", f"{HOLDS}#event-based-holds")
def test_a_bucket_can_hold_whatever_arrives(bucket: storage.Bucket) -> None:
    bucket.default_event_based_hold = True
    bucket.patch()
    blob = bucket.blob("o")
    blob.upload_from_string(b"x")
    assert bucket.get_blob("o").event_based_hold
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    blob.event_based_hold = False
    blob.patch()
    blob.delete()


@pytest.mark.rule("storage.holds.copy", HOLDS)
def test_a_copy_is_not_held(bucket: storage.Bucket) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(b"x")
    blob.temporary_hold = True
    blob.patch()
    copy = bucket.copy_blob(blob, bucket, "copy")
    assert not bucket.get_blob("copy").temporary_hold
    copy.delete()
