"""A small file that claims or becomes a large image is refused before memory is taken for it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, uid
from pydicom.encaps import get_frame
from tests.core.pixels.cases import LIMIT_BYTES, file_of, image, wheel_file
from tests.core.pixels.test_pixels_syntaxes import CASES, encoded_by_pydicom, holding, htj2k, jpeg

from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame

ALLOWED_BYTES = 2 * LIMIT_BYTES
"""What a refusal may cost: far less than what the files below claim, a few hundred megabytes up."""
HUGE = 60_000
SIZE_MARKER = b"\xff\x51"
BY_GDCM = {uid.JPEGLossless, uid.JPEGLosslessSV1}
"""Rarely, a frame that is damaged behind its segments still makes gdcm end the process."""
UNSUPPORTED = {"transfer-syntax-unsupported"}
JPEG_XL = "1.2.840.10008.1.2.4.110"

STATUS, PEAK_RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_bytes() -> int:
    line = next(text for text in STATUS.read_text().splitlines() if text.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def outcome(make: Callable[[], Dataset], frame_number: int = 1) -> tuple[str, int]:
    """Return what becomes of a frame, and by how much the process grew meanwhile."""
    dataset = make()
    PEAK_RESET.write_text("5")
    before = peak_bytes()
    try:
        render_frame(dataset, frame_number, limit_bytes=LIMIT_BYTES)
    except PixelError as error:
        return error.reason, peak_bytes() - before
    return "analysed", peak_bytes() - before


def native(**attributes: Any) -> Dataset:
    return image(np.zeros((8, 8), np.uint16), **attributes)


def frame_of(dataset: Dataset) -> bytearray:
    return bytearray(get_frame(dataset.PixelData, 0, number_of_frames=1))


def with_jpeg_2000_size(dataset: Dataset, *, side: int | None = None, tile: int = 0) -> Dataset:
    """Change the size or the tiles in the codestream, and leave the header as it is."""
    frame = frame_of(dataset)
    at = frame.index(SIZE_MARKER) + 6
    if side is not None:
        struct.pack_into(">2I", frame, at, side, side)
        struct.pack_into(">2I", frame, at + 16, side, side)
    if tile:
        struct.pack_into(">2I", frame, at + 16, tile, tile)
    return holding(dataset, dataset.file_meta.TransferSyntaxUID, bytes(frame))


def with_jpeg_size(dataset: Dataset, marker: bytes, side: int, noise: bytes = b"") -> Dataset:
    frame = frame_of(dataset)
    at = frame.index(marker)
    struct.pack_into(">2H", frame, at + 5, side, side)
    frame[at:at] = noise
    return holding(dataset, dataset.file_meta.TransferSyntaxUID, bytes(frame))


def boxed(dataset: Dataset) -> Dataset:
    """Hide a huge codestream behind a box that shows one of the header's size."""
    honest = bytes(frame_of(dataset))
    huge = bytes(frame_of(with_jpeg_2000_size(dataset, side=HUGE)))
    boxes = (b"jP  ", b"\r\n\x87\n"), (b"xml ", honest), (b"jp2c", huge)
    frame = b"".join(struct.pack(">I4s", 8 + len(body), kind) + body for kind, body in boxes)
    return holding(dataset, dataset.file_meta.TransferSyntaxUID, frame)


def run_length_bomb() -> Dataset:
    """Ten megabytes that expand to 640 where nobody counts."""
    header = struct.pack("<16L", 2, 64, 64 + 5_000_000, *[0] * 13)
    return holding(native(), uid.RLELossless, header + b"\x81\x00" * 5_000_000)


def tiled() -> Dataset:
    stored = np.zeros((255, 255), np.uint16)
    dataset = read_instance(file_of(image(stored)))
    dataset.compress(uid.JPEG2000Lossless, generate_instance_uid=False)
    return with_jpeg_2000_size(dataset, tile=1)


REFUSED: dict[str, tuple[Callable[[], Dataset], set[str]]] = {
    "header": (lambda: native(Rows=HUGE, Columns=HUGE), {"image-too-large"}),
    "header of bits": (
        lambda: native(Rows=HUGE, Columns=HUGE, BitsAllocated=1, BitsStored=1, HighBit=0),
        {"image-too-large"},
    ),
    "header of run lengths": (
        lambda: holding(native(Rows=HUGE, Columns=HUGE), uid.RLELossless, bytes(64)),
        {"image-too-large"},
    ),
    "header of JPEG XL": (
        lambda: holding(native(Rows=HUGE, Columns=HUGE), JPEG_XL, b"\xff\x0a" + bytes(64)),
        {"image-too-large"},
    ),
    "JPEG XL of another size": (
        lambda: holding(native(), JPEG_XL, b"\xff\x0a\xff\xff\xff\xff" + bytes(64)),
        {"transfer-syntax-unsupported"},
    ),
    "run lengths": (run_length_bomb, {"pixels-unreadable"}),
    "JPEG 2000": (
        lambda: with_jpeg_2000_size(encoded_by_pydicom(uid.JPEG2000Lossless), side=HUGE),
        {"image-too-large"},
    ),
    "JPEG 2000 in boxes": (
        lambda: boxed(encoded_by_pydicom(uid.JPEG2000Lossless)),
        {"image-too-large"},
    ),
    "JPEG 2000 in tiles": (tiled, {"image-too-large"}),
    "JPEG 2000 below the limit": (
        lambda: with_jpeg_2000_size(encoded_by_pydicom(uid.JPEG2000Lossless), side=3000),
        {"pixels-unreadable"},
    ),
    "HTJ2K": (
        lambda: with_jpeg_2000_size(htj2k(uid.HTJ2K, "lossy"), side=HUGE),
        {"image-too-large"},
    ),
    "HTJ2K below the limit": (
        lambda: with_jpeg_2000_size(htj2k(uid.HTJ2KLossless, "lossless"), side=3000),
        {"pixels-unreadable"},
    ),
    "JPEG": (
        lambda: with_jpeg_size(jpeg(uid.JPEGBaseline8Bit), b"\xff\xc0", HUGE),
        {"image-too-large"},
    ),
    "JPEG behind noise": (
        lambda: with_jpeg_size(jpeg(uid.JPEGBaseline8Bit), b"\xff\xc0", HUGE, b"\x00noise\xff"),
        {"pixels-unreadable"},
    ),
    "JPEG-LS": (
        lambda: with_jpeg_size(encoded_by_pydicom(uid.JPEGLSLossless), b"\xff\xf7", HUGE),
        {"image-too-large"},
    ),
    "JPEG-LS without a size": (
        lambda: with_jpeg_size(encoded_by_pydicom(uid.JPEGLSLossless), b"\xff\xf7", 0),
        {"pixels-unreadable"},
    ),
    "a billion frames of one": (
        lambda: holding(native(NumberOfFrames=10**9), uid.RLELossless, bytes(64)),
        {"pixels-unreadable"},
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_it_takes_memory(case: str) -> None:
    make, expected = REFUSED[case]
    reason, grown_bytes = outcome(make)
    assert reason in expected
    assert grown_bytes < ALLOWED_BYTES


@pytest.mark.parametrize("number", [2, 10**9])
def test_frames_that_are_only_claimed_are_unreadable(number: int) -> None:
    reason, grown_bytes = outcome(lambda: native(NumberOfFrames=10**9), number)
    assert reason == "pixels-unreadable"
    assert grown_bytes < ALLOWED_BYTES


def test_a_deflated_data_set_is_measured_before_it_is_read() -> None:
    deflated = wheel_file("image_dfl.dcm")
    meta_end = 144 + struct.unpack_from("<I", deflated, 140)[0]
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    zeros = bytes(2**20)
    body = b"".join(deflater.compress(zeros) for _ in range(400)) + deflater.flush()
    PEAK_RESET.write_text("5")
    before = peak_bytes()
    with pytest.raises(PixelError) as caught:
        read_instance(deflated[:meta_end] + body, inflated_limit_bytes=300 * 2**20)
    assert caught.value.reason == "image-too-large"
    assert peak_bytes() - before < ALLOWED_BYTES


def test_what_does_not_compress_is_measured_as_fast() -> None:
    """What is left of the input is copied each time; as a whole that would take minutes."""
    noise = np.random.default_rng(1).bytes(20 * 2**20)
    deflated = wheel_file("image_dfl.dcm")
    meta_end = 144 + struct.unpack_from("<I", deflated, 140)[0]
    body = zlib.compress(noise, level=0, wbits=-zlib.MAX_WBITS)
    with pytest.raises(PixelError):
        read_instance(deflated[:meta_end] + body, inflated_limit_bytes=19 * 2**20)


@settings(max_examples=100, deadline=None)
@given(
    syntax=st.sampled_from(sorted(set(CASES) - BY_GDCM)),
    places=st.lists(st.floats(0, 1, exclude_max=True), max_size=6),
    values=st.binary(min_size=6, max_size=6),
    kept=st.floats(0.2, 1),
)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_frame_gives_a_picture_or_a_reason(
    syntax: str, places: list[float], values: bytes, kept: float
) -> None:
    """Decoders fail in many ways; one in Rust with what Python takes for the program's end."""
    dataset, whole = intact(syntax)
    frame = bytearray(whole)
    for place, value in zip(places, values, strict=False):
        frame[int(place * len(frame))] = value
    holding(dataset, syntax, bytes(frame[: int(kept * len(frame))]))
    try:
        reason = render_frame(dataset, limit_bytes=LIMIT_BYTES).pixels.dtype.name
    except PixelError as error:
        reason = error.reason
    assert reason in {"uint8", "pixels-unreadable", "image-too-large"} | UNSUPPORTED


@cache
def intact(syntax: str) -> tuple[Dataset, bytes]:
    dataset = CASES[syntax][0]()
    return dataset, bytes(frame_of(dataset))
