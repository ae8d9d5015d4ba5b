"""Colour images of every shape that a header can describe, for Hypothesis to choose from."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pydicom import Dataset
from tests.core.pixels.cases import image
from tests.core.pixels.headers import SIDES, Array

COLOURS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR = 0, 1


@st.composite
def true_colour_images(draw: st.DrawFn) -> Dataset:
    """Draw RGB or YBR_FULL of 8 or 16 bits, by pixel or by plane, of one frame or more."""
    photometric = draw(st.sampled_from(["RGB", "YBR_FULL"]))
    dtype = "u1" if photometric == "YBR_FULL" else draw(st.sampled_from(["u1", "u2"]))
    frames, is_planar = draw(st.integers(1, 3)), draw(st.booleans())
    rows, columns = draw(SIDES), draw(SIDES)
    pixels = draw(npst.arrays(f"<{dtype}", (frames, rows, columns, 3)))
    dataset = image(pixels[0], PhotometricInterpretation=photometric)
    dataset.PlanarConfiguration = int(is_planar)
    dataset.NumberOfFrames = frames
    stored = np.moveaxis(pixels, 3, 1) if is_planar else pixels
    return _with_pixels(dataset, stored)


@st.composite
def subsampled_images(draw: st.DrawFn) -> Dataset:
    """Draw YBR_FULL_422, where two neighbours share their colour (PS3.3 C.7.6.3.1.2)."""
    rows, pairs = draw(SIDES), draw(SIDES)
    stored = draw(npst.arrays("u1", (rows, pairs, 4)))
    dataset = image(np.zeros((rows, 2 * pairs, 3), "u1"), PhotometricInterpretation="YBR_FULL_422")
    return _with_pixels(dataset, stored)


@st.composite
def palette_images(draw: st.DrawFn) -> Dataset:
    """Draw a palette of 8 or 16 bits, whole or in segments, that begins at any value."""
    dtype = draw(st.sampled_from(["u1", "<u2"]))
    stored = draw(npst.arrays(dtype, st.tuples(SIDES, SIDES), elements=st.integers(0, 255)))
    dataset = image(stored, PhotometricInterpretation="PALETTE COLOR")
    first, bits = draw(st.integers(0, 300)), draw(st.sampled_from([8, 16]))
    # Of segments, those of 16 bits: those of bytes are refused in a big endian file.
    is_segmented = bits == 16 and draw(st.booleans())
    count = draw(st.integers(4, 40))
    for colour in COLOURS:
        prefix = f"{colour}PaletteColorLookupTable"
        setattr(dataset, f"{prefix}Descriptor", [count, first, bits])
        # Values above 255 in each table: else a palette of 16 bits is taken for one of 8.
        values = st.integers(256, 2**16 - 1) if bits == 16 else st.integers(0, 255)
        if is_segmented:
            words = draw(_segments(count, values))
            setattr(dataset, f"Segmented{prefix}Data", np.array(words, "<u2").tobytes())
        else:
            entries = draw(st.lists(values, min_size=count, max_size=count))
            setattr(dataset, f"{prefix}Data", np.array(entries, "<u2").tobytes())
    return dataset


@st.composite
def _segments(draw: st.DrawFn, count: int, values: st.SearchStrategy[int]) -> list[int]:
    """Draw a discrete segment and a linear one behind it (PS3.3 C.7.9.2)."""
    discrete = draw(st.integers(1, count - 1))
    entries = draw(st.lists(values, min_size=discrete, max_size=discrete))
    return [_DISCRETE, discrete, *entries, _LINEAR, count - discrete, draw(values)]


def _with_pixels(dataset: Dataset, stored: Array | np.ndarray[Any, Any]) -> Dataset:
    dataset.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    return dataset
