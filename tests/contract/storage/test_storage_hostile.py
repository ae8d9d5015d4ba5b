"""Requests that ask for too much, or for nothing that can be: Google's error, in bounds."""

from __future__ import annotations

import base64
import json
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from google.cloud import storage
from tests.contract.conftest import RunningCloud
from tests.contract.storage.conftest import StorageServer

DOCS = "https://cloud.google.com/storage/docs"
JSON = f"{DOCS}/json_api/v1"
MIB = 1 << 20


@pytest.mark.rule(
    "storage.objects.range.several", "https://www.rfc-editor.org/rfc/rfc9110#section-14.2"
)
@pytest.mark.parametrize("value", ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=--1"])
def test_a_range_that_is_not_one_range_gets_the_whole(
    server: StorageServer, bucket: storage.Bucket, value: str
) -> None:
    bucket.blob("o").upload_from_string(b"0123456789")
    answer = requests.get(
        f"{server.url}/storage/v1/b/{bucket.name}/o/o?alt=media",
        headers={"Range": value},
        timeout=10,
    )
    assert (answer.status_code, answer.content) == (200, b"0123456789")


@pytest.mark.rule(
    "storage.objects.range.unsatisfiable", "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.17"
)
@pytest.mark.parametrize("value", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_an_unsatisfiable_range_tells_the_size(
    server: StorageServer, bucket: storage.Bucket, value: str
) -> None:
    bucket.blob("o").upload_from_string(b"0123456789")
    answer = requests.get(
        f"{server.url}/storage/v1/b/{bucket.name}/o/o?alt=media",
        headers={"Range": value},
        timeout=10,
    )
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */10")


@pytest.mark.rule("storage.parameters.invalid", f"{JSON}/parameters")
@pytest.mark.parametrize(
    "query",
    [
        "generation=9" + "9" * 30,
        "generation=" + "1" * 5000,
        "generation=newest",
        "ifGenerationMatch=1.5",
        "colour=red",
    ],
)
def test_a_parameter_that_cannot_be_is_refused(
    server: StorageServer, bucket: storage.Bucket, query: str
) -> None:
    bucket.blob("o").upload_from_string(b"x")
    url = f"{server.url}/storage/v1/b/{bucket.name}/o/o?{query}"
    assert requests.get(url, timeout=10).status_code == 400


@pytest.mark.rule("storage.bodies.numbers", "https://protobuf.dev/programming-guides/json/")
@pytest.mark.parametrize(
    "settings",
    [
        '{"retentionPolicy": {"retentionPeriod": "long"}}',
        '{"retentionPolicy": {"retentionPeriod": "99999999999999999999"}}',
        '{"softDeletePolicy": {"retentionDurationSeconds": "1.5"}}',
        '{"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1.5}}]}}',
        '{"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": NaN}}]}}',
        '{"labels": ["not", "a", "map"]}',
        '{"versioning": {"enabled": "yes"}}',
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(
    cloud: RunningCloud, bucket: storage.Bucket, settings: str
) -> None:
    answer = requests.patch(
        f"{cloud.storage}/storage/v1/b/{bucket.name}",
        data=settings,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == 400
    bucket.reload()
    assert bucket.metageneration == 1


def _token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


FORGED = [{}, [1, 2], ["a", 1 << 70], ["\ud800", 1]]


@pytest.mark.rule("storage.list.token", f"{JSON}/objects/list#pageToken")
@pytest.mark.parametrize("token", ["!", "bm9uc2Vuc2U=", *map(_token, FORGED)])
def test_a_page_token_of_ones_own_making_is_refused(
    cloud: RunningCloud, bucket: storage.Bucket, token: str
) -> None:
    url = f"{cloud.storage}/storage/v1/b/{bucket.name}/o"
    assert requests.get(url, params={"pageToken": token}, timeout=10).status_code == 400


@pytest.mark.rule(
    "storage.list.glob.hostile", f"{JSON}/objects/list#list-objects-and-prefixes-using-glob"
)
def test_no_glob_takes_for_ever(cloud: RunningCloud, bucket: storage.Bucket) -> None:
    bucket.blob("a" * 500).upload_from_string(b"x")
    url = f"{cloud.storage}/storage/v1/b/{bucket.name}/o"
    started = time.monotonic()
    for glob in ("a*" * 60 + "b", "**/" * 60 + "b", "{a,aa,a*}" * 40 + "b", "[a-b]*" * 50 + "!"):
        answer = requests.get(url, params={"matchGlob": glob}, timeout=30)
        assert (answer.status_code, answer.json().get("items")) == (200, None)
    assert time.monotonic() - started < 30
    for glob in ("[z-a]", "{a", "a}", "a" * 2000):
        assert requests.get(url, params={"matchGlob": glob}, timeout=10).status_code == 400


@pytest.mark.rule("storage.transcoding.bomb", f"{DOCS}/transcoding#decompressive_transcoding")
def test_content_that_unfolds_a_thousandfold_needs_no_memory(
    cloud: RunningCloud, bucket: storage.Bucket
) -> None:
    size = 300 * MIB
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()
    blob = bucket.blob("bomb")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)
    before = _peak_bytes(cloud)
    url = f"{cloud.storage}/storage/v1/b/{bucket.name}/o/bomb?alt=media"
    with requests.get(url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=30) as got:
        received = sum(len(chunk) for chunk in got.iter_content(MIB))
    assert received == size
    assert _peak_bytes(cloud) - before < 60 * MIB


@pytest.mark.rule(
    "storage.transcoding.not-gzip", f"{DOCS}/transcoding#content-type_vs_content-encoding"
)
def test_content_that_only_claims_to_be_gzip_is_sent_as_it_is(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    blob = bucket.blob("o")
    blob.content_encoding = "gzip"
    blob.upload_from_string(b"plain")
    url = f"{server.url}/storage/v1/b/{bucket.name}/o/o?alt=media"
    answer = requests.get(url, headers={"Accept-Encoding": "identity"}, timeout=10)
    assert answer.content == b"plain"


@pytest.mark.rule("storage.batch.limit", f"{DOCS}/batch#limitations")
def test_a_batch_holds_a_hundred_calls_and_no_media(cloud: RunningCloud) -> None:
    def batch(count: int, path: str = "/storage/v1/b/nowhere-at-all/o/o") -> int:
        part = f"--b\r\nContent-Type: application/http\r\n\r\nGET {path} HTTP/1.1\r\n\r\n\r\n"
        return requests.post(
            f"{cloud.storage}/batch/storage/v1",
            data=part * count + "--b--\r\n",
            headers={"Content-Type": "multipart/mixed; boundary=b"},
            timeout=10,
        ).status_code

    assert batch(100) == 200
    assert batch(101) == 400
    assert batch(1, "/storage/v1/b/nowhere-at-all/o/o?alt=media") == 400


@pytest.mark.rule("storage.concurrency.overwrite", f"{DOCS}/consistency")
def test_a_reader_sees_one_version_or_the_other(bucket: storage.Bucket) -> None:
    contents = [bytes([65 + number]) * 200_000 for number in range(4)]
    bucket.blob("o").upload_from_string(contents[0])

    def write(number: int) -> None:
        bucket.blob("o").upload_from_string(contents[number % 4])

    with ThreadPoolExecutor(6) as pool:
        writing = [pool.submit(write, number) for number in range(16)]
        read = [pool.submit(bucket.blob("o").download_as_bytes) for _ in range(16)]
        assert all(future.result() in contents for future in read)
        _ = [future.result() for future in writing]


@pytest.mark.rule("storage.paths.encoded", f"{DOCS}/request-endpoints#encoding")
def test_an_encoded_slash_is_part_of_the_name(
    server: StorageServer, bucket: storage.Bucket
) -> None:
    bucket.blob("a/b#c?d").upload_from_string(b"x")
    path = f"{server.url}/storage/v1/b/{bucket.name}/o/{quote('a/b#c?d', safe='')}"
    assert requests.get(path, timeout=10).json()["name"] == "a/b#c?d"


def _peak_bytes(cloud: RunningCloud) -> int:
    """Return the most memory the server ever took (Linux)."""
    status = Path(f"/proc/{cloud.process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024
