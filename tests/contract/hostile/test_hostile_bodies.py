"""Bodies that are large, deep, compressed or wrongly divided."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
import requests
from tests.contract.hostile.bombs import gzip_bomb, picture_bomb
from tests.contract.hostile.server import BUCKET, Server

README = "include/localcloud/README.md#bad-input"
QUOTAS = "https://cloud.google.com/healthcare-api/quotas"
FHIR = {"Content-Type": "application/fhir+json"}
STOW = 'multipart/related; type="application/dicom"'
UNFOLDED_BYTES = 1 << 30
LARGE_BYTES = 100_000_000


def _bucket(server: Server, body: bytes) -> requests.Response:
    url = f"{server.cloud.storage}/storage/v1/b?project=hostile"
    return requests.post(url, data=body, timeout=60)


def _secret(server: Server, body: bytes) -> requests.Response:
    url = f"{server.cloud.secretmanager}/v1/projects/hostile/secrets?secretId=s"
    return requests.post(url, data=body, timeout=60)


def _annotate(server: Server, body: bytes) -> requests.Response:
    return requests.post(f"{server.cloud.vision}/v1/images:annotate", data=body, timeout=60)


def _patient(server: Server, body: bytes) -> requests.Response:
    return requests.post(f"{server.fhir.base}/Patient", data=body, headers=FHIR, timeout=60)


def _fault(server: Server, body: bytes) -> requests.Response:
    return requests.post(f"{server.cloud.storage}/_localcloud/faults", data=body, timeout=60)


Send = Callable[[Server, bytes], requests.Response]
EVERY = pytest.mark.parametrize("send", [_bucket, _secret, _annotate, _patient, _fault])


@EVERY
@pytest.mark.rule("localcloud.hostile.json.size", QUOTAS)
def test_a_large_json_body_is_refused(server: Server, send: Send) -> None:
    body = b'{"labels":{"a":"' + b"x" * LARGE_BYTES + b'"}}'
    assert send(server, body).status_code in (400, 413)


@EVERY
@pytest.mark.rule("localcloud.hostile.json.values", README)
def test_json_that_is_all_brackets_is_refused(server: Server, send: Send) -> None:
    body = b'{"resourceType":"Patient","labels":[' + b"[]," * 3_400_000 + b"[]]}"
    assert send(server, body).status_code in (400, 413)


@EVERY
@pytest.mark.rule("localcloud.hostile.json.depth", README)
@pytest.mark.parametrize("depth", [500, 200_000])
def test_deep_json_is_refused(server: Server, send: Send, depth: int) -> None:
    body = b'{"labels":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)
    assert send(server, body).status_code == 400


@EVERY
@pytest.mark.rule("localcloud.hostile.json.text", "https://www.rfc-editor.org/rfc/rfc8259")
@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe{}", b'{"name":"\\ud800"}', b"NaN", b'{"a":' + b"9" * 100_000 + b"}"],
    ids=["open", "utf-16", "half-a-character", "nan", "long-number"],
)
def test_what_is_not_a_json_object_is_refused(server: Server, send: Send, body: bytes) -> None:
    assert send(server, body).status_code == 400


@EVERY
@pytest.mark.rule("localcloud.hostile.gzip.body", README)
def test_a_compressed_body_is_not_unfolded(server: Server, send: Send) -> None:
    assert send(server, gzip_bomb(UNFOLDED_BYTES)).status_code == 400


@pytest.mark.rule(
    "localcloud.hostile.gzip.download", "https://cloud.google.com/storage/docs/transcoding"
)
def test_an_object_unfolds_piece_by_piece(server: Server) -> None:
    assert server.upload("bomb", gzip_bomb(UNFOLDED_BYTES), contentEncoding="gzip").ok
    headers = {"Accept-Encoding": "identity"}
    with requests.get(
        server.object_url("bomb"), params={"alt": "media"}, headers=headers, stream=True, timeout=60
    ) as answer:
        size = sum(map(len, answer.iter_content(1 << 20)))
    assert size == UNFOLDED_BYTES


@pytest.mark.rule("localcloud.hostile.bundle", f"{QUOTAS}#fhir_executebundle_size_limits")
def test_a_transaction_of_ten_thousand_entries_is_refused_whole(server: Server) -> None:
    entries = [
        {
            "resource": {"resourceType": "Patient", "id": f"many-{number}"},
            "request": {"method": "PUT", "url": f"Patient/many-{number}"},
        }
        for number in range(10_000)
    ]
    assert server.fhir.transaction(*entries).status == 400
    assert server.fhir.read("Patient/many-0").status == 404


@pytest.mark.rule("localcloud.hostile.batch", README)
def test_a_batch_of_ten_thousand_entries_is_answered(server: Server) -> None:
    entries = [{"request": {"method": "GET", "url": f"Patient/{n}"}} for n in range(10_000)]
    answer = server.fhir.bundle("batch", *entries)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert {status.partition(" ")[0] for status in answer.statuses} == {"404"}


@pytest.mark.rule("dicom.store.boundary", "https://www.rfc-editor.org/rfc/rfc2046#section-5.1")
@pytest.mark.parametrize(
    "content_type", [STOW, f"{STOW}; boundary=", f"{STOW}; boundary=other", "multipart/related"]
)
def test_stow_with_a_wrong_boundary_is_refused(server: Server, content_type: str) -> None:
    body = b"--given\r\nContent-Type: application/dicom\r\n\r\nx\r\n--given--\r\n"
    headers = {"Content-Type": content_type}
    answer = requests.post(f"{server.dicom.url}/studies", data=body, headers=headers, timeout=10)
    assert answer.status_code == 400


@pytest.mark.rule("localcloud.hostile.parts", README)
def test_stow_of_very_many_parts_is_refused(server: Server) -> None:
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\nx\r\n" * 100_000 + b"--b--"
    headers = {"Content-Type": f"{STOW}; boundary=b"}
    answer = requests.post(f"{server.dicom.url}/studies", data=body, headers=headers, timeout=60)
    assert answer.status_code in (400, 409)


@pytest.mark.rule(
    "storage.uploads.boundary", "https://cloud.google.com/storage/docs/uploading-objects"
)
@pytest.mark.parametrize(
    "content_type",
    ["multipart/related", "multipart/related; boundary=other", 'multipart/related; boundary=""'],
)
def test_a_multipart_upload_with_a_wrong_boundary_is_refused(
    server: Server, content_type: str
) -> None:
    part = b'--b\r\nContent-Type: application/json\r\n\r\n{"name":"parted"}\r\n'
    body = part + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"
    answer = requests.post(
        f"{server.cloud.storage}/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart",
        data=body,
        headers={"Content-Type": content_type},
        timeout=10,
    )
    assert answer.status_code == 400
    assert requests.get(server.object_url("parted"), timeout=10).status_code == 404


@pytest.mark.rule("localcloud.hostile.batch-calls", "https://cloud.google.com/storage/docs/batch")
def test_a_batch_of_very_many_calls_is_refused(server: Server) -> None:
    part = b"--b\r\nContent-Type: application/http\r\n\r\nGET /storage/v1/b/x HTTP/1.1\r\n\r\n"
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = requests.post(
        f"{server.cloud.storage}/batch/storage/v1",
        data=part * 50_000 + b"--b--",
        headers=headers,
        timeout=60,
    )
    assert answer.status_code == 400


@pytest.mark.rule("vision.images.bomb", "https://cloud.google.com/vision/docs/supported-files")
def test_a_picture_of_too_many_pixels_is_not_unpacked(server: Server) -> None:
    content = base64.b64encode(picture_bomb("PNG")).decode()
    body = {"requests": [{"image": {"content": content}, "features": [{"type": "FACE_DETECTION"}]}]}
    answer = requests.post(f"{server.cloud.vision}/v1/images:annotate", json=body, timeout=60)
    assert answer.status_code == 400 or "error" in answer.json()["responses"][0]
