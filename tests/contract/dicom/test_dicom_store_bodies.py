"""Requests of STOW-RS that are damaged, hostile, huge or simultaneous."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from pydicom.uid import DeflatedExplicitVRLittleEndian
from tests.contract.dicom.files import ct_series, encoded, multipart
from tests.contract.dicom.stores import JSON, DicomStore, path_of

CONFORMANCE = "https://cloud.google.com/healthcare-api/docs/dicom#store_transaction"
MULTIPART = "https://www.rfc-editor.org/rfc/rfc2046#section-5.1"
FAILED, REFERENCED = "00081198", "00081199"
RELATED = 'multipart/related; type="application/dicom"; boundary='


def post(store: DicomStore, body: bytes, content_type: str) -> requests.Response:
    headers = {"Content-Type": content_type, **JSON}
    return requests.post(f"{store.url}/studies", data=body, headers=headers, timeout=60)


def nothing_stored(store: DicomStore, answer: requests.Response) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    metrics = store.stores.getDICOMStoreMetrics(name=store.name).execute()
    assert metrics.get("instanceCount", "0") == "0"


@pytest.mark.rule("dicom.store.truncated", MULTIPART)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_body_cut_short_stores_nothing_of_it(store: DicomStore, kept: float) -> None:
    body, content_type = multipart([encoded(dataset) for dataset in ct_series(3)])
    nothing_stored(store, post(store, body[: int(len(body) * kept)], content_type))


@pytest.mark.rule("dicom.store.boundary", MULTIPART)
@pytest.mark.parametrize("boundary", ["other", "part-bound", "part-boundary-and-more"])
def test_another_boundary_than_the_header_s_stores_nothing(
    store: DicomStore, boundary: str
) -> None:
    body, _ = multipart([encoded(ct_series(1)[0])])
    nothing_stored(store, post(store, body, RELATED + boundary))


@pytest.mark.rule("dicom.store.boundary.in_content", MULTIPART)
def test_text_that_only_begins_like_the_boundary_is_content(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    dataset.ImageComments = "x\r\n--part-boundaryless and more"
    store.put(dataset)
    kept = store.get(path_of(dataset), "application/dicom; transfer-syntax=*")
    assert kept.content == encoded(dataset)


@pytest.mark.rule("dicom.store.preamble", MULTIPART)
def test_text_around_the_parts_has_no_meaning(store: DicomStore) -> None:
    body, content_type = multipart([encoded(ct_series(1)[0])])
    answer = post(store, b"preamble\r\n" + body + b"epilogue", content_type)
    assert answer.status_code == 200


@pytest.mark.rule("dicom.store.part_headers", MULTIPART)
@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n",
        b"Content-Type\r\n\r\n",
        b"X-Other: 1\r\n\r\n",
        b"Content-Type: text/plain\r\n\r\n",
    ],
)
def test_a_part_without_a_dicom_content_type_stores_nothing(store: DicomStore, head: bytes) -> None:
    good, bad = (encoded(dataset) for dataset in ct_series(2))
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + good
    body += b"\r\n--b\r\n" + head + bad + b"\r\n--b--\r\n"
    nothing_stored(store, post(store, body, RELATED + "b"))


@pytest.mark.rule("dicom.store.nested_parts", MULTIPART)
def test_a_multipart_part_is_not_taken_apart(store: DicomStore) -> None:
    inner, inner_type = multipart([encoded(ct_series(1)[0])], "inner")
    head = f"--outer\r\nContent-Type: {inner_type}\r\n\r\n".encode()
    nothing_stored(store, post(store, head + inner + b"\r\n--outer--\r\n", RELATED + "outer"))


@pytest.mark.rule("dicom.store.many_parts", CONFORMANCE)
def test_a_body_of_nothing_but_parts_is_bounded(store: DicomStore) -> None:
    part = b"--b\r\nContent-Type: application/dicom\r\n\r\n\r\n"
    nothing_stored(store, post(store, part * 60_000 + b"--b--\r\n", RELATED + "b"))


@pytest.mark.rule("dicom.store.deflate_bomb", CONFORMANCE)
def test_a_deflated_file_that_grows_without_end_is_refused(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    plain = encoded(dataset)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    file = encoded(dataset)
    # The group length of group 2 is its first element, 12 bytes long.
    (group_length,) = struct.unpack_from("<L", file, 140)
    meta_end = 144 + group_length
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    start = deflater.compress(plain[meta_end : meta_end + 200])
    bomb = file[:meta_end] + start + deflater.flush(zlib.Z_FULL_FLUSH)
    # After a full flush equal blocks are deflated to equal bytes.
    block = deflater.compress(bytes(16 << 20)) + deflater.flush(zlib.Z_FULL_FLUSH)
    bomb += block * 40
    assert len(bomb) < 2 << 20
    answer = store.stow([bomb])
    assert answer.status_code == 409
    assert "too large" in answer.text
    assert store.stow([file]).status_code == 200


@pytest.mark.rule("dicom.store.concurrent.identical", CONFORMANCE)
def test_the_same_instance_sent_many_times_at_once_is_stored_once(store: DicomStore) -> None:
    file = encoded(ct_series(1)[0])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: store.stow([file]), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(store.get("/instances").json()) == 1


@pytest.mark.rule("dicom.store.concurrent.different", CONFORMANCE)
def test_of_different_files_of_one_instance_exactly_one_wins(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    files = []
    for number in range(8):
        dataset.StudyDescription = f"WRITER {number}"
        files.append(encoded(dataset))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda file: store.stow([file]), files))
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [200] + [409] * 7
    kept = store.get(path_of(dataset), "application/dicom; transfer-syntax=*").content
    assert kept == files[codes.index(200)]


@pytest.mark.rule("dicom.store.same_request", CONFORMANCE)
def test_two_files_of_one_instance_in_one_request_are_judged_in_order(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    first = encoded(dataset)
    dataset.StudyDescription = "SECOND"
    answer = store.stow([first, encoded(dataset), first])
    assert answer.status_code == 409
    assert len(answer.json()[REFERENCED]["Value"]) == 2
    assert len(answer.json()[FAILED]["Value"]) == 1


@pytest.mark.rule(
    "dicom.store.large", "https://cloud.google.com/healthcare-api/quotas#dicom_limits"
)
def test_a_large_request_is_not_held_in_memory(
    start_cloud: Callable[..., Any], tmp_path: Path
) -> None:
    pixels = {"Rows": 512, "Columns": 512, "PixelData": bytes(512 * 512 * 2)}
    files = [encoded(dataset) for dataset in ct_series(240, **pixels)]
    with start_cloud(tmp_path) as running:
        store = DicomStore.create(running.healthcare)
        assert store.stow(files[:1]).status_code == 200
        with watched_memory(running.process.pid) as sizes:
            assert store.stow(files).status_code == 200
    # The body alone has 120 MB.
    assert max(sizes) - sizes[0] < 60 << 20


@contextmanager
def watched_memory(pid: int) -> Iterator[list[int]]:
    """Sample the bytes that a process holds besides the files it has mapped."""
    sizes = [_anonymous_bytes(pid)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            sizes.append(_anonymous_bytes(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield sizes
    finally:
        done.set()
        thread.join()


def _anonymous_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) << 10


@pytest.mark.rule("dicom.store.deflated", CONFORMANCE)
def test_a_deflated_file_is_stored_and_comes_back_as_it_was(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    store.put(dataset)
    kept = store.get(path_of(dataset), "application/dicom; transfer-syntax=*")
    assert kept.content == encoded(dataset)
    plain = store.get(path_of(dataset), "application/dicom")
    assert pydicom.dcmread(io.BytesIO(plain.content)).PixelData == dataset.PixelData
