"""Every shortcut gives what the long way gives."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from pydicom.pixels import pixel_array
from tests.core.pixels.cases import file_of, image

from wetread.core.pixels.display import GreyDisplay
from wetread.core.pixels.encoding import encode_png
from wetread.core.pixels.modality import Rescale
from wetread.core.pixels.native import native_frame
from wetread.core.pixels.padding import Padding
from wetread.core.pixels.percentiles import DERIVED_PERCENTILES, visible_range
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.voi import Window, WindowUsed

INTEGERS = st.sampled_from(["u1", "i1", "u2", "i2"])


@st.composite
def stored_values(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    dtype = np.dtype(draw(INTEGERS))
    shape = st.tuples(st.integers(1, 9), st.integers(1, 9))
    return draw(npst.arrays(dtype, shape))


@settings(deadline=None)
@given(stored=stored_values(), unused_bits=st.integers(0, 6))
def test_a_plain_frame_is_what_pydicom_decodes(
    stored: np.ndarray[Any, Any], unused_bits: int
) -> None:
    bits = 8 * stored.dtype.itemsize - unused_bits
    dataset = read_instance(file_of(image(stored, BitsStored=bits, HighBit=bits - 1)))
    plain = native_frame(dataset, 1)
    assert plain is not None
    assert np.array_equal(plain, pixel_array(dataset))


def test_a_frame_that_ends_early_is_left_to_the_general_decoder() -> None:
    dataset = read_instance(file_of(image(np.zeros((4, 4), "u2"))))
    dataset.PixelData = dataset.PixelData[:-2]
    assert native_frame(dataset, 1) is None


@settings(deadline=None)
@given(
    stored=stored_values(),
    slope=st.sampled_from([1.0, -0.5, 2.5]),
    padding=st.none() | st.builds(lambda low: Padding(low, low + 20), st.integers(-128, 127)),
    is_inverted=st.booleans(),
    center=st.integers(-300, 300),
)
def test_a_table_shades_as_the_formula_does(
    stored: np.ndarray[Any, Any],
    slope: float,
    padding: Padding | None,
    is_inverted: bool,
    center: int,
) -> None:
    window = Window(WindowUsed(center, 200, "header"), "LINEAR")
    display = GreyDisplay(Rescale(slope, 3), window, is_inverted, padding)
    # Of 32-bit values no table is made.
    assert np.array_equal(display.shade(stored), display.shade(stored.astype(np.int32)))


@settings(deadline=None)
@given(stored=stored_values(), slope=st.sampled_from([1.0, -2.0]))
def test_counted_percentiles_are_those_of_the_sorted_values(
    stored: np.ndarray[Any, Any], slope: float
) -> None:
    low, high = visible_range(stored, Rescale(slope, 7), None)
    expected = np.percentile(stored.astype(float) * slope + 7, DERIVED_PERCENTILES)
    assert (low, high) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("kind", ["noise", "ramp", "flat", "large with runs"])
def test_a_picture_of_any_kind_survives(kind: str, samples: int) -> None:
    """Noise, slopes and flat pictures take different filters and strategies."""
    random = np.random.default_rng(1)
    shape = (1200, 900, samples) if kind == "large with runs" else (97, 61, samples)
    pixels = np.zeros(shape, np.uint8)
    if kind == "noise":
        pixels = random.integers(0, 256, shape, np.uint8)
    if kind == "ramp":
        pixels += (np.arange(shape[0]) * 2).astype(np.uint8)[:, None, None]
    if kind == "large with runs":
        pixels[300:600] = random.integers(0, 9, (300, 900, samples), np.uint8)
    pixels = pixels[..., 0] if samples == 1 else pixels
    assert np.array_equal(np.asarray(Image.open(BytesIO(encode_png(pixels)))), pixels)
