"""Uploads that cannot be honoured: nothing of them is stored, and the server goes on."""

from __future__ import annotations

import base64
import json
import socket
import unicodedata
from urllib.parse import urlsplit

import pytest
import requests
from google.cloud import storage
from tests.contract.storage.conftest import StorageServer

DOCS = "https://cloud.google.com/storage/docs"
BOUNDARY = "frontier"


def _upload_url(server: StorageServer, bucket: storage.Bucket, kind: str = "multipart") -> str:
    return f"{server.url}/upload/storage/v1/b/{bucket.name}/o?uploadType={kind}"


def _post(url: str, body: bytes, boundary: str | None = BOUNDARY) -> requests.Response:
    kind = "multipart/related" + (f"; boundary={boundary}" if boundary else "")
    return requests.post(url, data=body, headers={"Content-Type": kind}, timeout=10)


def _related(metadata: bytes, data: bytes = b"x") -> bytes:
    return (
        b"--frontier\r\nContent-Type: application/json\r\n\r\n"
        + metadata
        + b"\r\n--frontier\r\nContent-Type: text/plain\r\n\r\n"
        + data
        + b"\r\n--frontier--\r\n"
    )


WHOLE = _related(b'{"name": "o"}')


@pytest.mark.rule("storage.upload.multipart.malformed", f"{DOCS}/uploading-objects#upload-object")
@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (WHOLE, None),
        (WHOLE, "another"),
        (WHOLE[:-16], BOUNDARY),
        (WHOLE[:60], BOUNDARY),
        (b"", BOUNDARY),
        (_related(b'{"name": "o"'), BOUNDARY),
        (_related(b'["o"]'), BOUNDARY),
        (_related(b"{}"), BOUNDARY),
        (_related(b"[" * 100_000), BOUNDARY),
        (b"--frontier\r\n\r\n{}\r\n--frontier--\r\n", BOUNDARY),
    ],
    ids=[
        "no boundary",
        "wrong boundary",
        "no end",
        "cut in the metadata",
        "empty",
        "cut JSON",
        "a list",
        "no name",
        "deep JSON",
        "one part",
    ],
)
def test_a_malformed_multipart_body_stores_nothing(
    server: StorageServer, bucket: storage.Bucket, body: bytes, boundary: str | None
) -> None:
    assert _post(_upload_url(server, bucket), body, boundary).status_code == 400
    assert list(bucket.list_blobs()) == []


@pytest.mark.rule("storage.upload.truncated", f"{DOCS}/consistency")
def test_a_body_that_ends_early_stores_nothing(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    parts = urlsplit(server.url)
    head = (
        f"POST /upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=o HTTP/1.1\r\n"
        f"Host: {parts.netloc}\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(head.encode() + b"x" * 500)
    assert not bucket.blob("o").exists()
    bucket.blob("o").upload_from_string(b"whole")
    assert bucket.blob("o").download_as_bytes() == b"whole"


@pytest.mark.rule("storage.checksums.metadata", f"{DOCS}/data-validation")
@pytest.mark.parametrize(
    "field", [{"md5Hash": base64.b64encode(b"0" * 16).decode()}, {"crc32c": "AAAAAA=="}]
)
def test_a_wrong_checksum_in_the_metadata_is_refused(
    server: StorageServer, bucket: storage.Bucket, field: dict[str, str]
) -> None:
    body = _related(json.dumps({"name": "o", **field}).encode())
    answer = _post(_upload_url(server, bucket), body)
    assert (answer.status_code, bucket.blob("o").exists()) == (400, False)


@pytest.mark.rule("storage.checksums.malformed", f"{DOCS}/data-validation")
@pytest.mark.parametrize("value", ["crc32c=not base64", "md5=\xff", "crc32c=AAAA"])
def test_a_checksum_that_is_none_is_refused(
    server: StorageServer, bucket: storage.Bucket, value: str
) -> None:
    url = _upload_url(server, bucket, "media") + "&name=o"
    answer = requests.post(
        url, data=b"x", headers={"x-goog-hash": value.encode("latin-1")}, timeout=10
    )
    assert (answer.status_code, bucket.blob("o").exists()) == (400, False)


@pytest.mark.rule("storage.objects.naming.reserved", f"{DOCS}/objects#naming")
@pytest.mark.parametrize(
    "name", [".well-known/acme-challenge/token", "..", "carriage\rreturn", "line\nfeed"]
)
def test_a_reserved_name_is_refused_by_every_door(
    server: StorageServer, bucket: storage.Bucket, name: str
) -> None:
    media = requests.post(
        _upload_url(server, bucket, "media"), params={"name": name}, data=b"x", timeout=10
    )
    multipart = _post(_upload_url(server, bucket), _related(json.dumps({"name": name}).encode()))
    resumable = requests.post(
        _upload_url(server, bucket, "resumable"), json={"name": name}, timeout=10
    )
    assert {media.status_code, multipart.status_code, resumable.status_code} == {400}
    assert list(bucket.list_blobs()) == []


@pytest.mark.rule("storage.objects.naming.unicode", f"{DOCS}/objects#naming")
def test_names_are_not_normalised(bucket: storage.Bucket) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    for name in (composed, decomposed):
        bucket.blob(name).upload_from_string(name)
    assert {blob.name for blob in bucket.list_blobs()} == {composed, decomposed}
    assert bucket.blob(composed).download_as_text() == composed


@pytest.mark.rule("storage.objects.naming.invalid-unicode", f"{DOCS}/objects#naming")
def test_text_that_is_not_unicode_is_refused(server: StorageServer, bucket: storage.Bucket) -> None:
    half = b'{"name": "o", "metadata": {"k": "\\ud800"}}'
    assert _post(_upload_url(server, bucket), _related(half)).status_code == 400
    path = f"{server.url}/storage/v1/b/{bucket.name}/o/%FF%FE"
    assert requests.get(path, timeout=10).status_code == 400
    bucket.blob("o").upload_from_string(b"x")
    patched = requests.patch(
        f"{server.url}/storage/v1/b/{bucket.name}/o/o",
        data=b'{"metadata": {"k": "\\udfff"}}',
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert patched.status_code == 400


@pytest.mark.rule(
    "storage.objects.metadata.size", "https://cloud.google.com/storage/quotas#objects"
)
def test_custom_metadata_has_eight_kib(server: StorageServer, bucket: storage.Bucket) -> None:
    def upload(size: int) -> int:
        metadata = {"name": "o", "metadata": {"key": "v" * (size - 3)}}
        body = _related(json.dumps(metadata).encode())
        return _post(_upload_url(server, bucket), body).status_code

    assert upload(8193) == 400
    assert not bucket.blob("o").exists()
    assert upload(8192) == 200


@pytest.mark.rule("storage.objects.storage-class", f"{DOCS}/storage-classes")
def test_an_unknown_storage_class_is_refused(server: StorageServer, bucket: storage.Bucket) -> None:
    body = _related(b'{"name": "o", "storageClass": "LUKEWARM"}')
    assert _post(_upload_url(server, bucket), body).status_code == 400
