"""A PNG holds the pixels and nothing else."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from wetread.core.pixels.encoding import encode_png

PICTURES = st.one_of(
    npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, max_side=40)),
    npst.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
)


@settings(deadline=None)
@given(pixels=PICTURES)
def test_pixels_survive_and_bytes_repeat(pixels: np.ndarray) -> None:
    png = encode_png(pixels)
    assert np.array_equal(np.asarray(Image.open(BytesIO(png))), pixels)
    assert encode_png(pixels.copy()) == png


def test_only_chunks_that_hold_pixels() -> None:
    png, offset, chunks = encode_png(np.zeros((300, 300, 3), np.uint8)), 8, []
    while offset < len(png):
        chunks.append(png[offset + 4 : offset + 8])
        offset += 12 + int.from_bytes(png[offset : offset + 4], "big")
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}
