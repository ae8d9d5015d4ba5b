"""Whatever the bytes are, reading them gives a data set or a reason."""

from __future__ import annotations

import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from tests.core.pixels.cases import LIMIT_BYTES, file_of, image, wheel_file

from wetread.core.outcomes import reasons
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame

GOOD = wheel_file("MR_small.dcm")
PIXELS_END = GOOD.rindex(b"\xfc\xff\xfc\xffOB")
DEFLATED = wheel_file("image_dfl.dcm")
DEFLATED_META = DEFLATED[: 132 + 12 + dcmread(BytesIO(DEFLATED)).file_meta[0x00020000].value]


def outcome(blob: bytes) -> str:
    try:
        render_frame(read_instance(blob), limit_bytes=LIMIT_BYTES)
    except PixelError as error:
        return reasons()[error.reason].code
    return "analysed"


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "empty-file"),
        (b"\xff\xd8\xff\xe0 a photograph", "not-dicom"),
        (DEFLATED_META + b"this is no deflated stream", "header-unreadable"),
        (GOOD[:4000], "pixels-unreadable"),
        (GOOD, "analysed"),
        (DEFLATED, "analysed"),
    ],
    ids=["empty", "photograph", "bad-deflate", "cut", "good", "good-deflated"],
)
def test_each_kind_of_file_has_its_reason(blob: bytes, reason: str) -> None:
    assert outcome(blob) == reason


@settings(deadline=None)
@given(tail=st.binary(max_size=400))
def test_noise_after_the_prefix_never_escapes(tail: bytes) -> None:
    outcome(b"\0" * 128 + b"DICM" + tail)


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, len(GOOD)))
def test_a_file_cut_anywhere_never_escapes_and_never_passes_for_whole(cut: int) -> None:
    assert outcome(GOOD[:cut]) != "analysed" or cut >= PIXELS_END


@settings(max_examples=150, deadline=None)
@given(offset=st.integers(132, 1800), noise=st.binary(min_size=1, max_size=8))
def test_a_damaged_header_never_escapes(offset: int, noise: bytes) -> None:
    outcome(GOOD[:offset] + noise + GOOD[offset + len(noise) :])


def test_a_deflated_bomb_is_refused_before_it_grows() -> None:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = deflater.compress(bytes(8 * 2**20)) + deflater.flush()
    with pytest.raises(PixelError) as caught:
        read_instance(DEFLATED_META + bomb, inflated_limit_bytes=2**20)
    assert caught.value.reason == "image-too-large"


def test_an_error_quotes_no_value_of_the_header() -> None:
    dataset = image(np.zeros((8, 8), np.uint8), PatientName="Secret^Name", Rows=0)
    with pytest.raises(PixelError) as caught:
        render_frame(read_instance(file_of(dataset)), limit_bytes=LIMIT_BYTES)
    assert "Secret" not in f"{caught.value}{caught.value.__cause__}"
    assert caught.value.reason == "pixels-unreadable"
