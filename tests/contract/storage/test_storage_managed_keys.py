"""Customer-managed encryption keys: which one an object is under is kept and shown."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import storage

DOCS = "https://cloud.google.com/storage/docs/encryption/customer-managed-keys"
RING = "projects/imaging/locations/us/keyRings/storage/cryptoKeys"
KEY, OTHER_KEY = f"{RING}/images", f"{RING}/reports"


@pytest.mark.rule("storage.cmek.object", DOCS)
def test_an_upload_names_its_key(bucket: storage.Bucket) -> None:
    bucket.blob("o", kms_key_name=KEY).upload_from_string(b"x")
    found = bucket.get_blob("o")
    assert found.kms_key_name == f"{KEY}/cryptoKeyVersions/1"
    assert found.download_as_bytes() == b"x"


@pytest.mark.rule("storage.cmek.default", f"{DOCS}#default-keys")
def test_a_bucket_has_a_default_key(bucket: storage.Bucket) -> None:
    bucket.default_kms_key_name = KEY
    bucket.patch()
    bucket.blob("default").upload_from_string(b"x")
    bucket.blob("other", kms_key_name=OTHER_KEY).upload_from_string(b"x")
    shown = {blob.name: blob.kms_key_name for blob in bucket.list_blobs()}
    assert shown["default"].startswith(f"{KEY}/")
    assert shown["other"].startswith(f"{OTHER_KEY}/")


@pytest.mark.rule("storage.cmek.rewrite", DOCS)
def test_a_rewrite_changes_the_key(bucket: storage.Bucket) -> None:
    bucket.blob("o", kms_key_name=KEY).upload_from_string(b"x")
    bucket.blob("o", kms_key_name=OTHER_KEY).rewrite(bucket.blob("o"))
    assert bucket.get_blob("o").kms_key_name.startswith(f"{OTHER_KEY}/")


@pytest.mark.rule("storage.cmek.invalid", DOCS)
def test_a_key_needs_its_whole_name(bucket: storage.Bucket) -> None:
    with pytest.raises(exceptions.BadRequest, match="keyRings"):
        bucket.blob("o", kms_key_name="images").upload_from_string(b"x")
    assert not bucket.blob("o").exists()
