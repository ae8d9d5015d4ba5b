"""Square pixels: nothing is lost, and a region keeps its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wetread.core.pixels.squares import with_square_pixels


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [(1.0, (30, 40)), (1.005, (30, 40)), (2.0, (60, 40)), (0.5, (30, 80)), (1.2, (36, 40))],
)
@pytest.mark.parametrize("samples", [(), (3,)])
def test_the_shorter_side_of_the_pixels_grows(
    aspect: float, shape: tuple[int, int], samples: tuple[int, ...]
) -> None:
    pixels = np.zeros((30, 40, *samples), np.uint8)
    assert with_square_pixels(pixels, aspect).shape == (*shape, *samples)


@given(st.integers(0, 29), st.integers(0, 39), st.sampled_from([0.4, 0.75, 1.5, 3.0]))
def test_a_dot_stays_where_it_was_in_fractions_of_the_sides(
    row: int, column: int, aspect: float
) -> None:
    pixels = np.zeros((30, 40), np.uint8)
    pixels[row, column] = 255
    square = with_square_pixels(pixels, aspect)
    y, x = np.unravel_index(int(square.argmax()), square.shape)
    assert (y + 0.5) / square.shape[0] == pytest.approx((row + 0.5) / 30, abs=1 / 30)
    assert (x + 0.5) / square.shape[1] == pytest.approx((column + 0.5) / 40, abs=1 / 40)


def test_no_picture_grows_without_end() -> None:
    pixels = np.zeros((4000, 10), np.uint8)
    assert with_square_pixels(pixels, 10.0).shape == (4000, 10)
