"""Pixels that are too large, or lie about how large they are, are refused before any decoding."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)
from tests.contract.dicom.files import ct_series, forced
from tests.contract.dicom.stores import DicomStore, path_of

LIMITS = "https://cloud.google.com/healthcare-api/quotas#dicom_limits"
STATUS = "https://cloud.google.com/healthcare-api/docs/dicom#retrieve_transaction"
JPEG_XL, DEFLATED_FRAME = "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.8.1"
PLAIN = "application/dicom"
_MAX_GROWTH_BYTES = 200 << 20


@pytest.fixture(scope="module")
def own_cloud(
    start_cloud: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A cloud of its own, whose memory nobody else uses."""
    with start_cloud(tmp_path_factory.mktemp("limits")) as running:
        yield running


@pytest.fixture
def store(own_cloud: Any) -> Iterator[DicomStore]:
    """A store whose server must not grow, whatever the test asks of it."""
    before = peak_bytes(own_cloud.process.pid)
    yield DicomStore.create(own_cloud.healthcare)
    assert own_cloud.process.poll() is None
    assert peak_bytes(own_cloud.process.pid) - before < _MAX_GROWTH_BYTES


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


def compressed(syntax: str, frame: bytes, **attributes: object) -> Dataset:
    """Return an instance of 8-bit grey whose one frame is given."""
    grey = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    dataset = ct_series(1, **grey, **attributes)[0]
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    return dataset


def all_refused(store: DicomStore, dataset: Dataset, *words: str) -> None:
    """Store an instance and insist that nothing which needs its pixels decoded is answered."""
    file = forced(dataset)
    assert store.stow([file]).status_code == 200
    for suffix in ("", "/frames/1", "/rendered"):
        answer = store.get(path_of(dataset) + suffix)
        assert answer.status_code == 400, suffix
        message = answer.json()["error"]["message"]
        assert any(word in message for word in words), message
    kept = store.get(path_of(dataset), accept=f"{PLAIN}; transfer-syntax=*")
    assert kept.content == file


def jpeg(rows: int = 32, columns: int = 32) -> bytes:
    output = io.BytesIO()
    Image.fromarray(np.zeros((rows, columns), np.uint8)).save(output, "JPEG")
    return output.getvalue()


def jpeg_2000(rows: int = 32, columns: int = 32) -> bytes:
    output = io.BytesIO()
    Image.fromarray(np.zeros((rows, columns), np.uint8)).save(output, "JPEG2000", no_jp2=True)
    return output.getvalue()


def rle_bomb() -> bytes:
    """Return a frame whose one segment is runs without end."""
    header = struct.pack("<2L", 1, 64).ljust(64, b"\0")
    return header + b"\x81\x00" * 4_000_000


@pytest.mark.rule("dicom.limits.frame", LIMITS)
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless, RLELossless])
def test_a_header_of_billions_of_pixels_is_refused(store: DicomStore, syntax: str) -> None:
    dataset = compressed(syntax, jpeg(), Rows=60_000, Columns=60_000)
    all_refused(store, dataset, "the limit is")


@pytest.mark.rule("dicom.limits.native", LIMITS)
def test_fewer_pixels_than_the_header_says_are_refused(store: DicomStore) -> None:
    dataset = ct_series(1, Rows=60_000, Columns=60_000)[0]
    store.put(dataset)
    for suffix in ("/frames/1", "/rendered"):
        assert store.get(path_of(dataset) + suffix).status_code == 400


@pytest.mark.rule("dicom.limits.frames", LIMITS)
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, RLELossless])
def test_a_billion_frames_of_a_few_bytes_are_refused(store: DicomStore, syntax: str) -> None:
    dataset = compressed(syntax, jpeg(), NumberOfFrames=1_000_000_000)
    all_refused(store, dataset, "cannot hold 1000000000 frames", "of pixels cannot be transcoded")


@pytest.mark.rule("dicom.limits.codestream", STATUS)
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000Lossless, HTJ2KLossless])
def test_a_codestream_that_claims_another_size_is_refused(store: DicomStore, syntax: str) -> None:
    if syntax == JPEGBaseline8Bit:
        frame = bytearray(jpeg())
        struct.pack_into(">HH", frame, frame.index(b"\xff\xc0") + 5, 60_000, 60_000)
    else:
        frame = bytearray(jpeg_2000())
        struct.pack_into(">2L", frame, frame.index(b"\xff\x51") + 6, 60_000, 60_000)
    all_refused(store, compressed(syntax, bytes(frame)), "claims 60000 x 60000 pixels")


@pytest.mark.rule("dicom.limits.codestream.kinds", STATUS)
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLSLossless, JPEG2000Lossless, JPEG_XL])
def test_a_frame_of_another_kind_than_it_says_is_refused(store: DicomStore, syntax: str) -> None:
    junk = compressed(syntax, b"\x00\x01\x02\x03" * 100)
    all_refused(store, junk, "is not what its transfer syntax")


@pytest.mark.rule("dicom.limits.jpeg_xl", STATUS)
def test_a_jpeg_xl_header_of_a_billion_pixels_is_refused(store: DicomStore) -> None:
    # ISO/IEC 18181-1 annex D: not small, 30 bits of height, square.
    bits = 0b0 | 0b11 << 1 | (999_999 << 3) | 1 << 33
    frame = b"\xff\x0a" + bits.to_bytes(12, "little")
    all_refused(store, compressed(JPEG_XL, frame), "claims 1000000 x 1000000 pixels")


@pytest.mark.rule("dicom.limits.rle_bomb", STATUS)
def test_run_lengths_that_grow_without_end_are_refused(store: DicomStore) -> None:
    all_refused(store, compressed(RLELossless, rle_bomb()), "cannot be decoded")


@pytest.mark.rule("dicom.limits.deflate_bomb", STATUS)
def test_a_deflated_frame_that_grows_without_end_is_refused(store: DicomStore) -> None:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(300)) + deflater.flush()
    all_refused(store, compressed(DEFLATED_FRAME, bomb), "does not have the size")


@pytest.mark.rule("dicom.limits.rendered.bytes", LIMITS)
def test_a_frame_of_more_than_50_mb_is_not_rendered(store: DicomStore) -> None:
    dataset = compressed(JPEGBaseline8Bit, jpeg(), Rows=7_500, Columns=7_500)
    store.put(dataset)
    answer = store.get(f"{path_of(dataset)}/rendered")
    assert answer.status_code == 400
    assert "cannot be rendered" in answer.json()["error"]["message"]
    assert "claims" in store.get(f"{path_of(dataset)}/frames/1").json()["error"]["message"]


@pytest.mark.rule("dicom.limits.rendered.side", LIMITS)
def test_a_side_of_more_than_10_000_pixels_is_not_rendered(store: DicomStore) -> None:
    pixels = {"Rows": 10_001, "Columns": 2, "PixelData": bytes(2 * 2 * 10_001)}
    dataset = ct_series(1, **pixels)[0]
    store.put(dataset)
    answer = store.get(f"{path_of(dataset)}/rendered")
    assert answer.status_code == 400
    assert "10000 pixels" in answer.json()["error"]["message"]
    assert store.get(f"{path_of(dataset)}/frames/1").status_code == 200


@pytest.mark.rule("dicom.limits.file", LIMITS)
def test_a_file_that_would_grow_beyond_a_gigabyte_is_not_transcoded(store: DicomStore) -> None:
    dataset = compressed(RLELossless, rle_bomb(), Rows=12_000, Columns=12_000)
    dataset.NumberOfFrames = 8
    dataset.PixelData = encapsulate([b"\0" * 64] * 8)
    store.put(dataset)
    answer = store.get(path_of(dataset), accept=PLAIN)
    assert answer.status_code == 400
    assert "transfer-syntax=*" in answer.json()["error"]["message"]


@pytest.mark.rule("dicom.limits.description", STATUS)
@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
def test_pixels_without_a_description_are_refused(store: DicomStore, keyword: str) -> None:
    dataset = ct_series(1)[0]
    delattr(dataset, keyword)
    dataset["PixelData"].VR = "OW"
    store.put(dataset)
    for suffix in ("/frames/1", "/rendered"):
        answer = store.get(path_of(dataset) + suffix)
        assert answer.status_code == 400
        assert "does not describe" in answer.json()["error"]["message"]
    assert store.get(path_of(dataset)).status_code == 200
