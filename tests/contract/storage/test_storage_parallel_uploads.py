"""XML multipart uploads, as the client's transfer manager does them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager
from tests.contract.conftest import StartCloud
from tests.contract.storage.conftest import StorageServer

DOCS = "https://cloud.google.com/storage/docs/multipart-uploads"
PART_BYTES = 5 << 20


class Upload:
    """A multipart upload driven by hand."""

    def __init__(self, url: str) -> None:
        self.url = url
        answer = requests.post(f"{url}?uploads", timeout=10)
        self.id = ElementTree.fromstring(answer.content).findtext("{*}UploadId")  # noqa: S314

    def put(self, number: int, data: bytes, **headers: str) -> requests.Response:
        query = {"partNumber": str(number), "uploadId": self.id}
        return requests.put(self.url, params=query, data=data, headers=headers, timeout=10)

    def complete(self, *parts: tuple[int, str]) -> requests.Response:
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in parts
        )
        return self.post(f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>")

    def post(self, body: str) -> requests.Response:
        return requests.post(self.url, params={"uploadId": self.id}, data=body, timeout=10)


@pytest.fixture
def upload(server: StorageServer, bucket: storage.Bucket) -> Upload:
    """An upload of the object ``o``."""
    return Upload(f"{server.url}/{bucket.name}/o")


def _refusal(answer: requests.Response) -> tuple[int, str | None]:
    code = ElementTree.fromstring(answer.content).findtext("Code")  # noqa: S314
    return answer.status_code, code


@pytest.mark.rule("storage.multipart.client", DOCS)
def test_the_transfer_manager_uploads_parts_at_the_same_time(
    bucket: storage.Bucket, tmp_path: Path
) -> None:
    content = os.urandom(2 * PART_BYTES + 99)
    (tmp_path / "ct.dcm").write_bytes(content)
    blob = bucket.blob("ct.dcm")
    transfer_manager.upload_chunks_concurrently(
        str(tmp_path / "ct.dcm"),
        blob,
        content_type="application/dicom",
        chunk_size=PART_BYTES,
        max_workers=3,
        worker_type=transfer_manager.THREAD,
    )
    found = bucket.get_blob("ct.dcm")
    assert (found.size, found.content_type) == (len(content), "application/dicom")
    assert found.download_as_bytes() == content


@pytest.mark.rule("storage.multipart.no-md5", f"{DOCS}#considerations")
def test_an_object_of_parts_has_a_crc32c_and_no_md5(bucket: storage.Bucket, upload: Upload) -> None:
    etag = upload.put(1, b"only part").headers["ETag"]
    assert upload.complete((1, etag)).status_code == 200
    found = bucket.get_blob("o")
    assert found.md5_hash is None
    assert found.download_as_bytes(checksum="crc32c") == b"only part"


@pytest.mark.rule("storage.multipart.order", DOCS)
def test_parts_join_by_number_and_the_last_of_a_number_counts(
    bucket: storage.Bucket, upload: Upload
) -> None:
    last = upload.put(7, b"end").headers["ETag"]
    upload.put(2, b"y" * PART_BYTES)
    first = upload.put(2, b"x" * PART_BYTES).headers["ETag"]
    upload.put(5, b"never named")
    assert upload.complete((2, first), (7, last)).status_code == 200
    assert bucket.blob("o").download_as_bytes() == b"x" * PART_BYTES + b"end"


@pytest.mark.rule("storage.multipart.small", "https://cloud.google.com/storage/quotas#requests")
def test_only_the_last_part_may_be_small(bucket: storage.Bucket, upload: Upload) -> None:
    first, last = (upload.put(number, b"x").headers["ETag"] for number in (1, 2))
    assert _refusal(upload.complete((1, first), (2, last))) == (400, "EntityTooSmall")
    assert not bucket.blob("o").exists()


@pytest.mark.rule(
    "storage.multipart.invalid",
    "https://cloud.google.com/storage/docs/xml-api/post-object-complete",
)
def test_a_completion_must_name_what_was_received(bucket: storage.Bucket, upload: Upload) -> None:
    etag = upload.put(1, b"x").headers["ETag"]
    assert _refusal(upload.complete((1, '"0000"'))) == (400, "InvalidPart")
    assert _refusal(upload.complete((2, etag))) == (400, "InvalidPart")
    assert _refusal(upload.complete((1, etag), (1, etag))) == (400, "InvalidPartOrder")
    assert _refusal(upload.post("<not-closed>")) == (400, "MalformedXML")
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb">]><CompleteMultipartUpload>&b;</CompleteMultipartUpload>'
    assert _refusal(upload.post(bomb)) == (400, "MalformedXML")
    assert upload.put(0, b"x").status_code == 400
    assert upload.put(10_001, b"x").status_code == 400
    assert not bucket.blob("o").exists()


@pytest.mark.rule(
    "storage.multipart.abort", "https://cloud.google.com/storage/docs/xml-api/delete-multipart"
)
def test_an_aborted_upload_is_gone(upload: Upload) -> None:
    upload.put(1, b"x")
    parts = requests.get(upload.url, params={"uploadId": upload.id}, timeout=10)
    assert b"<PartNumber>1</PartNumber>" in parts.content
    gone = requests.delete(upload.url, params={"uploadId": upload.id}, timeout=10)
    assert gone.status_code == 204
    assert _refusal(upload.put(2, b"x")) == (404, "NoSuchUpload")


@pytest.mark.rule("storage.multipart.durability", DOCS)
def test_acknowledged_parts_survive_a_kill(start_cloud: StartCloud, tmp_path: Path) -> None:
    content = os.urandom(PART_BYTES)

    def client(url: str) -> storage.Client:
        options = {"api_endpoint": url}
        return storage.Client("parts", AnonymousCredentials(), client_options=options)

    with start_cloud(tmp_path) as cloud:
        client(cloud.storage).create_bucket("parts")
        upload = Upload(f"{cloud.storage}/parts/o")
        first = upload.put(1, content).headers["ETag"]
        cloud.process.kill()
        cloud.process.wait()
    with start_cloud(tmp_path) as cloud:
        upload.url = f"{cloud.storage}/parts/o"
        last = upload.put(2, b"end").headers["ETag"]
        assert upload.complete((1, first), (2, last)).status_code == 200
        found = client(cloud.storage).bucket("parts").blob("o").download_as_bytes()
        assert found == content + b"end"


@pytest.mark.rule(
    "storage.multipart.once",
    "https://cloud.google.com/storage/docs/xml-api/post-object-complete",
)
def test_an_upload_is_completed_once(bucket: storage.Bucket, upload: Upload) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    etag = upload.put(1, os.urandom(4 * PART_BYTES)).headers["ETag"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: upload.complete((1, etag)), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 7
    assert len(list(bucket.list_blobs(versions=True))) == 1
