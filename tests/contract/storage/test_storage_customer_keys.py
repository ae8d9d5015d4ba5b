"""Customer-supplied encryption keys, through the official client."""

from __future__ import annotations

import io
import os

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage
from tests.contract.conftest import RunningCloud

DOCS = "https://cloud.google.com/storage/docs/encryption/customer-supplied-keys"
KEY, OTHER_KEY = os.urandom(32), os.urandom(32)
CONTENT = b"protected health information"


@pytest.fixture
def blob(bucket: storage.Bucket) -> storage.Blob:
    """An object under ``KEY``."""
    blob = bucket.blob("o", encryption_key=KEY)
    blob.upload_from_string(CONTENT)
    return blob


@pytest.mark.rule("storage.csek.read", DOCS)
def test_content_needs_the_key_it_was_stored_with(
    bucket: storage.Bucket, blob: storage.Blob
) -> None:
    assert blob.download_as_bytes() == CONTENT
    with pytest.raises(exceptions.BadRequest, match="encrypted by a customer"):
        bucket.blob("o").download_as_bytes()
    with pytest.raises(exceptions.BadRequest, match="incorrect"):
        bucket.blob("o", encryption_key=OTHER_KEY).download_as_bytes()


@pytest.mark.rule("storage.csek.not-encrypted", DOCS)
def test_a_key_for_content_without_one_is_refused(bucket: storage.Bucket) -> None:
    bucket.blob("plain").upload_from_string(b"x")
    with pytest.raises(exceptions.BadRequest, match="not encrypted"):
        bucket.blob("plain", encryption_key=KEY).download_as_bytes()


@pytest.mark.rule("storage.csek.metadata", f"{DOCS}#response")
def test_metadata_without_the_key_hides_the_checksums(
    cloud: RunningCloud, bucket: storage.Bucket, blob: storage.Blob
) -> None:
    url = f"{cloud.storage}/storage/v1/b/{bucket.name}/o/{blob.name}"
    shown = requests.get(url, timeout=10).json()
    assert shown["customerEncryption"]["encryptionAlgorithm"] == "AES256"
    assert not {"md5Hash", "crc32c"} & shown.keys()
    blob.reload()
    assert blob.crc32c is not None


@pytest.mark.rule("storage.csek.rotate", f"{DOCS}#rotating")
def test_a_rewrite_changes_the_key(bucket: storage.Bucket, blob: storage.Blob) -> None:
    rotated = bucket.blob("o", encryption_key=OTHER_KEY)
    rotated.rewrite(blob)
    assert rotated.download_as_bytes() == CONTENT
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("o", encryption_key=KEY).download_as_bytes()
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("copy").rewrite(bucket.blob("o"))


@pytest.mark.rule("storage.csek.resumable", DOCS)
def test_a_resumable_upload_keeps_its_key(bucket: storage.Bucket) -> None:
    content = os.urandom(600_000)
    blob = bucket.blob("large", encryption_key=KEY, chunk_size=256 << 10)
    blob.upload_from_file(io.BytesIO(content))
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("large").download_as_bytes()
    assert bucket.blob("large", encryption_key=KEY).download_as_bytes() == content


@pytest.mark.rule("storage.csek.invalid", DOCS)
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"algorithm": "ROT13"}, "customerEncryptionAlgorithmIsInvalid"),
        ({"algorithm": "AES256", "key": "c2hvcnQ="}, "customerEncryptionKeyFormatIsInvalid"),
        ({"algorithm": "AES256", "key": "!"}, "customerEncryptionKeyFormatIsInvalid"),
        (
            {"algorithm": "AES256", "key": "A" * 43 + "=", "key-sha256": "AAAA"},
            "customerEncryptionKeySha256IsInvalid",
        ),
    ],
)
def test_headers_that_do_not_fit_together_are_refused(
    cloud: RunningCloud, bucket: storage.Bucket, headers: dict[str, str], reason: str
) -> None:
    answer = requests.post(
        f"{cloud.storage}/upload/storage/v1/b/{bucket.name}/o",
        params={"uploadType": "media", "name": "o"},
        headers={f"x-goog-encryption-{name}": value for name, value in headers.items()},
        data=b"x",
        timeout=10,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"][0]["reason"] == reason
    assert not bucket.blob("o").exists()
