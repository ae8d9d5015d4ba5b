"""Uploads in all forms; broken and resumed ones speak the protocol itself."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage
from google.cloud.storage import transfer_manager
from tests.contract.storage.conftest import StorageServer

DOCS = "https://cloud.google.com/storage/docs"
CHUNK_BYTES = 256 << 10


class Session:
    """A resumable session driven by hand, as the protocol's document describes it."""

    def __init__(self, server: StorageServer, bucket: storage.Bucket, **metadata: str) -> None:
        answer = requests.post(
            f"{server.url}/upload/storage/v1/b/{bucket.name}/o",
            params={"uploadType": "resumable"},
            headers={"X-Upload-Content-Type": "application/dicom"},
            json={"name": "o", **metadata},
            timeout=10,
        )
        answer.raise_for_status()
        self.url = answer.headers["Location"]

    def put(self, data: bytes, content_range: str, **headers: str) -> requests.Response:
        return requests.put(
            self.url, data=data, headers={"Content-Range": content_range, **headers}, timeout=10
        )

    def status(self, total: int | str = "*") -> requests.Response:
        return self.put(b"", f"bytes */{total}")


@pytest.mark.rule("storage.upload.resumable", f"{DOCS}/performing-resumable-uploads")
def test_the_client_uploads_chunks_of_known_and_unknown_total(bucket: storage.Bucket) -> None:
    content = os.urandom(5 * CHUNK_BYTES + 17)
    blob = bucket.blob("known", chunk_size=CHUNK_BYTES)
    blob.upload_from_file(io.BytesIO(content), size=len(content), content_type="application/dicom")
    assert bucket.get_blob("known").content_type == "application/dicom"
    assert bucket.blob("known").download_as_bytes() == content
    with bucket.blob("unknown", chunk_size=CHUNK_BYTES).open("wb") as writer:
        for start in range(0, len(content), 100_000):
            writer.write(content[start : start + 100_000])
    assert bucket.blob("unknown").download_as_bytes() == content


@pytest.mark.rule("storage.upload.resume", f"{DOCS}/performing-resumable-uploads#resume-upload")
def test_a_broken_upload_goes_on_where_the_server_says(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    content = os.urandom(2 * CHUNK_BYTES + 5)
    session = Session(server, bucket)
    assert "Range" not in session.status(len(content)).headers
    first = session.put(content[:CHUNK_BYTES], f"bytes 0-{CHUNK_BYTES - 1}/{len(content)}")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{CHUNK_BYTES - 1}")
    _send_half_and_vanish(session.url, content[CHUNK_BYTES:], len(content))
    held = int(session.status(len(content)).headers["Range"].rpartition("-")[2]) + 1
    assert CHUNK_BYTES <= held < len(content)
    assert not bucket.blob("o").exists()
    last = session.put(content[held:], f"bytes {held}-{len(content) - 1}/{len(content)}")
    assert last.status_code == 200
    assert bucket.blob("o").download_as_bytes() == content
    # The answer to the last chunk may have been lost: asking again gives the same object.
    again = session.status(len(content))
    assert again.json()["generation"] == last.json()["generation"]


@pytest.mark.rule("storage.upload.overlap", f"{DOCS}/performing-resumable-uploads#resume-upload")
def test_bytes_sent_twice_count_once_and_a_gap_is_refused(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    content = os.urandom(CHUNK_BYTES + 9)
    session = Session(server, bucket)
    gap = session.put(content[:CHUNK_BYTES], f"bytes 9-{CHUNK_BYTES + 8}/{len(content)}")
    assert gap.status_code == 400
    session.put(content[:CHUNK_BYTES], f"bytes 0-{CHUNK_BYTES - 1}/*")
    assert session.put(content, f"bytes 0-{len(content) - 1}/{len(content)}").status_code == 200
    assert bucket.blob("o").download_as_bytes() == content


@pytest.mark.rule(
    "storage.upload.chunk-size", f"{DOCS}/performing-resumable-uploads#chunked-upload"
)
def test_a_middle_chunk_must_be_a_multiple_of_256_kib(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    answer = Session(server, bucket).put(b"x" * 1000, "bytes 0-999/5000")
    assert answer.status_code == 400
    assert "multiple" in answer.json()["error"]["message"]


@pytest.mark.rule("storage.upload.cancel", f"{DOCS}/performing-resumable-uploads#cancel-upload")
def test_a_cancelled_upload_is_gone(server: StorageServer, bucket: storage.Bucket) -> None:
    session = Session(server, bucket)
    assert requests.delete(session.url, timeout=10).status_code == 499
    assert session.status().status_code in (404, 410)


@pytest.mark.rule("storage.upload.race", f"{DOCS}/request-preconditions")
def test_a_resumable_upload_loses_to_an_object_made_meanwhile(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    answer = requests.post(
        f"{server.url}/upload/storage/v1/b/{bucket.name}/o",
        params={"uploadType": "resumable", "ifGenerationMatch": "0", "name": "o"},
        timeout=10,
    )
    bucket.blob("o").upload_from_string(b"first")
    late = requests.put(answer.headers["Location"], data=b"second", timeout=10)
    assert late.status_code == 412
    assert bucket.blob("o").download_as_bytes() == b"first"


@pytest.mark.rule("storage.upload.simple", f"{DOCS}/uploading-objects")
def test_a_media_upload_takes_its_name_from_the_query(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    answer = requests.post(
        f"{server.url}/upload/storage/v1/b/{bucket.name}/o",
        params={"uploadType": "media", "name": "a/ü b"},
        headers={"Content-Type": "text/plain"},
        data=b"hello",
        timeout=10,
    )
    assert answer.json()["contentType"] == "text/plain"
    assert bucket.blob("a/ü b").download_as_bytes() == b"hello"


@pytest.mark.rule("storage.upload.multipart", f"{DOCS}/uploading-objects")
@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"--", b"\r\n--==\r\n", b"\n\r\n\r\n", b"a: b\r\n\r\n--=="]
)
def test_multipart_data_may_look_like_the_envelope(bucket: storage.Bucket, content: bytes) -> None:
    bucket.blob("o").upload_from_string(content)
    assert bucket.blob("o").download_as_bytes() == content


@pytest.mark.rule("storage.checksums", f"{DOCS}/data-validation")
@pytest.mark.parametrize(
    "headers",
    [
        {"x-goog-hash": "crc32c=AAAAAA=="},
        {"x-goog-hash": f"md5={base64.b64encode(b'0' * 16).decode()}"},
        {"content-md5": base64.b64encode(b"0" * 16).decode()},
    ],
)
def test_damaged_data_is_refused_and_nothing_is_stored(
    server: StorageServer, bucket: storage.Bucket, headers: dict[str, str]
) -> None:
    url = f"{server.url}/upload/storage/v1/b/{bucket.name}/o"
    media = requests.post(
        url, params={"uploadType": "media", "name": "o"}, headers=headers, data=b"x", timeout=10
    )
    resumed = Session(server, bucket).put(b"x", "bytes 0-0/1", **headers)
    assert (media.status_code, resumed.status_code) == (400, 400)
    assert not bucket.blob("o").exists()


@pytest.mark.rule("storage.checksums.client", f"{DOCS}/data-validation")
def test_the_checksums_shown_are_of_the_content(bucket: storage.Bucket) -> None:
    content = os.urandom(1000)
    bucket.blob("o").upload_from_string(content, checksum="md5")
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    assert bucket.get_blob("o").md5_hash == base64.b64encode(digest).decode()
    assert bucket.blob("o").download_as_bytes(checksum="crc32c") == content


@pytest.mark.rule("storage.upload.unknown-field", f"{DOCS}/json_api/v1/objects/insert")
def test_an_unknown_metadata_field_is_named(server: StorageServer, bucket: storage.Bucket) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        Session(server, bucket, contentTpye="x")
    assert "contentTpye" in json.dumps(caught.value.response.json())


@pytest.mark.rule("storage.upload.parallel", f"{DOCS}/uploads-downloads")
def test_sixty_images_at_once_arrive_whole(bucket: storage.Bucket) -> None:
    content = os.urandom(500_000)
    pairs = [(io.BytesIO(content), bucket.blob(f"ct/{number}")) for number in range(60)]
    transfer_manager.upload_many(
        pairs, worker_type=transfer_manager.THREAD, max_workers=4, raise_exception=True
    )
    assert {blob.size for blob in bucket.list_blobs(prefix="ct/")} == {500_000}
    with ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda pair: pair[1].download_as_bytes(), pairs)
        assert all(data == content for data in read)


@pytest.mark.rule("storage.buckets.naming", f"{DOCS}/buckets#naming")
def test_a_bucket_name_must_be_allowed(storage_client: storage.Client) -> None:
    for name in ("ab", "Upper-Case", "goog-mine", "a..b", "192.168.1.1"):
        with pytest.raises((exceptions.BadRequest, ValueError)):
            storage_client.create_bucket(name)


def _send_half_and_vanish(url: str, data: bytes, total: int) -> None:
    parts = urlsplit(url)
    start = total - len(data)
    head = (
        f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Length: {len(data)}\r\n"
        f"Content-Range: bytes {start}-{total - 1}/{total}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(head.encode() + data[: len(data) // 2])
