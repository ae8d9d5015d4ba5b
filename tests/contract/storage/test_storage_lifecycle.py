"""Lifecycle rules are followed; the clock of a run is the test's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import storage
from google.cloud.storage.transfer_manager import XMLMPUContainer
from tests.contract.conftest import RunningCloud

DOCS = "https://cloud.google.com/storage/docs/lifecycle"
Run = Callable[[float], dict[str, int]]


@pytest.fixture
def run(cloud: RunningCloud) -> Run:
    """Run every lifecycle rule as it will be some days from now."""

    def run(days: float) -> dict[str, int]:
        at = datetime.now(UTC) + timedelta(days=days)
        return cloud.admin("POST", "lifecycle", {"at": at.isoformat()})

    return run


def _rules(bucket: storage.Bucket, *rules: tuple[dict[str, Any], dict[str, Any]]) -> None:
    bucket.lifecycle_rules = [
        {"action": action, "condition": condition} for action, condition in rules
    ]
    bucket.patch()


def _delete(**condition: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"type": "Delete"}, condition


def _move(storage_class: str, **condition: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"type": "SetStorageClass", "storageClass": storage_class}, condition


def _names(bucket: storage.Bucket) -> list[str]:
    return [blob.name for blob in bucket.list_blobs()]


@pytest.mark.rule("storage.lifecycle.age", f"{DOCS}#age")
def test_an_object_is_deleted_once_it_has_the_age(bucket: storage.Bucket, run: Run) -> None:
    bucket.blob("o").upload_from_string(b"x")
    _rules(bucket, _delete(age=7))
    assert run(6.9)["deleted"] == 0
    assert _names(bucket) == ["o"]
    assert run(7.1)["deleted"] == 1
    assert _names(bucket) == []


@pytest.mark.rule("storage.lifecycle.and", f"{DOCS}#conditions")
def test_all_conditions_of_a_rule_must_hold(bucket: storage.Bucket, run: Run) -> None:
    for name in ("scratch/a.log", "scratch/a.dcm", "kept/a.log"):
        bucket.blob(name).upload_from_string(b"x")
    _rules(bucket, _delete(age=1, matchesPrefix=["scratch/", "temporary/"], matchesSuffix=[".log"]))
    run(2)
    assert _names(bucket) == ["kept/a.log", "scratch/a.dcm"]


@pytest.mark.rule("storage.lifecycle.created-before", f"{DOCS}#createdbefore")
def test_created_before_means_midnight_of_that_day(bucket: storage.Bucket, run: Run) -> None:
    bucket.blob("o").upload_from_string(b"x")
    today = datetime.now(UTC).date()
    _rules(bucket, _delete(createdBefore=today.isoformat()))
    run(0)
    assert _names(bucket) == ["o"]
    _rules(bucket, _delete(createdBefore=(today + timedelta(days=1)).isoformat()))
    run(0)
    assert _names(bucket) == []


@pytest.mark.rule("storage.lifecycle.newer-versions", f"{DOCS}#numnewerversions")
def test_only_the_newest_versions_are_kept(bucket: storage.Bucket, run: Run) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    for content in (b"1", b"2", b"3", b"4"):
        bucket.blob("o").upload_from_string(content)
    _rules(bucket, _delete(numNewerVersions=2, isLive=False))
    assert run(0)["deleted"] == 2
    kept = [blob.download_as_bytes() for blob in bucket.list_blobs(versions=True)]
    assert kept == [b"3", b"4"]


@pytest.mark.rule("storage.lifecycle.live-delete", f"{DOCS}#delete")
def test_in_a_versioned_bucket_a_live_object_becomes_noncurrent(
    bucket: storage.Bucket, run: Run
) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    bucket.blob("o").upload_from_string(b"1")
    _rules(bucket, _delete(age=1, isLive=True), _delete(daysSinceNoncurrentTime=3))
    run(1.5)
    assert _names(bucket) == []
    assert len(list(bucket.list_blobs(versions=True))) == 1
    run(2.5)
    assert len(list(bucket.list_blobs(versions=True))) == 1
    run(3.5)
    assert list(bucket.list_blobs(versions=True)) == []


@pytest.mark.rule("storage.lifecycle.set-class", f"{DOCS}#setstorageclass")
def test_a_class_change_keeps_the_generation(bucket: storage.Bucket, run: Run) -> None:
    bucket.blob("o").upload_from_string(b"x")
    before = bucket.get_blob("o")
    _rules(bucket, _move("NEARLINE", age=30, matchesStorageClass=["STANDARD"]))
    assert run(31)["storage_class_changed"] == 1
    after = bucket.get_blob("o")
    assert (after.storage_class, after.generation) == ("NEARLINE", before.generation)
    assert after.metageneration == before.metageneration + 1
    assert run(31)["storage_class_changed"] == 0


@pytest.mark.rule("storage.lifecycle.transitions", f"{DOCS}#setstorageclass")
def test_a_class_never_moves_to_a_dearer_one(bucket: storage.Bucket, run: Run) -> None:
    bucket.storage_class = "COLDLINE"
    bucket.patch()
    bucket.blob("o").upload_from_string(b"x")
    _rules(bucket, _move("NEARLINE", age=0), _move("STANDARD", age=0))
    run(1)
    assert bucket.get_blob("o").storage_class == "COLDLINE"


@pytest.mark.rule("storage.lifecycle.precedence", f"{DOCS}#configuration")
def test_deletion_comes_first_and_then_the_cheapest_class(bucket: storage.Bucket, run: Run) -> None:
    bucket.blob("both").upload_from_string(b"x")
    bucket.blob("gone").upload_from_string(b"x")
    _rules(
        bucket,
        _move("NEARLINE", age=1),
        _move("ARCHIVE", age=1),
        _move("COLDLINE", age=1),
        _delete(age=1, matchesPrefix=["gone"]),
    )
    run(2)
    assert [(b.name, b.storage_class) for b in bucket.list_blobs()] == [("both", "ARCHIVE")]


@pytest.mark.rule("storage.lifecycle.custom-time", f"{DOCS}#dayssincecustomtime")
def test_a_custom_time_counts_only_where_there_is_one(bucket: storage.Bucket, run: Run) -> None:
    bucket.blob("without").upload_from_string(b"x")
    blob = bucket.blob("with")
    blob.custom_time = datetime(2020, 1, 1, tzinfo=UTC)
    blob.upload_from_string(b"x")
    _rules(bucket, _delete(daysSinceCustomTime=10))
    run(0)
    assert _names(bucket) == ["without"]


@pytest.mark.rule("storage.lifecycle.holds", f"{DOCS}#delete")
def test_what_is_held_or_retained_outlives_its_rule(bucket: storage.Bucket, run: Run) -> None:
    blob = bucket.blob("held")
    blob.upload_from_string(b"x")
    blob.temporary_hold = True
    blob.patch()
    _rules(bucket, _delete(age=0))
    assert run(1)["deleted"] == 0
    blob.temporary_hold = False
    blob.patch()
    assert run(1)["deleted"] == 1


@pytest.mark.rule("storage.lifecycle.abort-multipart", f"{DOCS}#abort-mpu")
def test_an_unfinished_multipart_upload_is_aborted(
    cloud: RunningCloud, bucket: storage.Bucket, run: Run
) -> None:
    upload = XMLMPUContainer(f"{cloud.storage}/{bucket.name}/incoming/o", "incoming/o")
    transport = bucket.client._http
    upload.initiate(transport=transport, content_type="application/dicom")
    _rules(bucket, ({"type": "AbortIncompleteMultipartUpload"}, {"age": 1}))
    assert run(0.5)["uploads_aborted"] == 0
    assert run(1.5)["uploads_aborted"] == 1
    with pytest.raises(Exception, match="404"):
        upload.finalize(transport)


@pytest.mark.rule("storage.lifecycle.invalid", f"{DOCS}#configuration")
@pytest.mark.parametrize(
    ("action", "condition"),
    [
        ({"type": "Explode"}, {"age": 1}),
        ({"type": "Delete"}, {}),
        ({"type": "Delete"}, {"age": -1}),
        ({"type": "Delete"}, {"createdBefore": "yesterday"}),
        ({"type": "SetStorageClass"}, {"age": 1}),
        ({"type": "SetStorageClass", "storageClass": "WARM"}, {"age": 1}),
        ({"type": "AbortIncompleteMultipartUpload"}, {"isLive": True}),
    ],
)
def test_a_rule_that_could_not_be_followed_is_refused(
    bucket: storage.Bucket, action: dict[str, Any], condition: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        _rules(bucket, (action, condition))
    bucket.reload()
    assert list(bucket.lifecycle_rules) == []


@pytest.mark.rule("storage.lifecycle.far", f"{DOCS}#age")
def test_an_age_beyond_all_ages_harms_nothing(bucket: storage.Bucket, run: Run) -> None:
    bucket.blob("o").upload_from_string(b"x")
    _rules(bucket, _delete(age=2**31 - 1), _delete(createdBefore="0001-01-02"))
    assert run(0)["deleted"] == 0
    assert _names(bucket) == ["o"]


@pytest.mark.rule("storage.lifecycle.clear", f"{DOCS}#configuration")
def test_rules_that_were_removed_do_nothing(bucket: storage.Bucket, run: Run) -> None:
    bucket.blob("o").upload_from_string(b"x")
    _rules(bucket, _delete(age=0))
    bucket.clear_lifecycle_rules()
    bucket.patch()
    run(100)
    assert _names(bucket) == ["o"]
