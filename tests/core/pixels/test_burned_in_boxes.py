"""Tiles cover a picture, and boxes cover the text that a network marks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wetread.core.pixels.burned_in.boxes import TextBox, text_mask
from wetread.core.pixels.burned_in.probabilities import text_boxes
from wetread.core.pixels.burned_in.tiles import STRIDE_PX, TILE_PX, padded, scales, tiles

SIDES_PX = st.integers(1, 5000)


@given(SIDES_PX, SIDES_PX)
def test_tiles_cover_the_picture_and_stay_within_it(rows: int, columns: int) -> None:
    rows, columns = padded(rows), padded(columns)
    covered = np.zeros((rows // STRIDE_PX, columns // STRIDE_PX), bool)
    for tile in tiles(rows, columns):
        assert 0 <= tile.top <= tile.top + tile.rows <= rows
        assert 0 <= tile.left <= tile.left + tile.columns <= columns
        assert max(tile.rows, tile.columns) <= TILE_PX
        assert tile.rows % STRIDE_PX == tile.columns % STRIDE_PX == 0
        first = np.s_[-(-tile.top // STRIDE_PX), -(-tile.left // STRIDE_PX)]
        last = (tile.top + tile.rows) // STRIDE_PX, (tile.left + tile.columns) // STRIDE_PX
        covered[first[0] : last[0], first[1] : last[1]] = True
    assert covered.all()


@given(st.integers(TILE_PX + 1, 5000))
def test_neighbouring_tiles_share_the_height_of_a_line(length: int) -> None:
    starts = [tile.top for tile in tiles(padded(length), STRIDE_PX)]
    size = next(iter(tiles(padded(length), STRIDE_PX))).rows
    assert all(start + size - after >= 64 for start, after in pairwise(starts))


@pytest.mark.parametrize("longest", [1, 256, 512, 1024, 4096])
def test_text_is_looked_for_at_two_scales(longest: int) -> None:
    small, large = sorted(scales((1, longest)))
    assert large == 2 * small


def line(top: int, left: int, bottom: int, right: int) -> np.ndarray[tuple[int, int], np.dtype]:
    likely = np.zeros((320, 320), np.float32)
    likely[top:bottom, left:right] = 0.9
    return likely


def test_a_core_is_grown_beyond_the_letters_that_it_was_shrunk_from() -> None:
    (box,) = text_boxes(line(100, 100, 112, 200))
    assert box.left < 92
    assert box.top < 92
    assert box.right > 208
    assert box.bottom > 120


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_core_lies_in_its_box_wherever_it_is(top: int, left: int) -> None:
    likely = line(top, left, top + 8, left + 20)
    mask = text_mask((320, 320), text_boxes(likely))
    assert mask[likely > 0].all()
    assert mask.shape == (320, 320)


def test_lines_apart_have_boxes_of_their_own() -> None:
    likely = np.maximum(line(40, 40, 50, 120), line(200, 40, 210, 120))
    assert len(text_boxes(likely)) == 2


def test_what_is_as_large_as_an_organ_is_none_at_this_scale() -> None:
    assert text_boxes(line(100, 100, 180, 180)) == []


def test_an_unlikely_pixel_is_no_text() -> None:
    assert text_boxes(np.full((64, 64), 0.2, np.float32)) == []


def test_a_box_keeps_every_pixel_that_it_touches_when_it_is_scaled() -> None:
    assert TextBox(3, 5, 7, 9).scaled(0.5) == TextBox(1, 2, 4, 5)
    assert TextBox(3, 5, 7, 9).scaled(2) == TextBox(6, 10, 14, 18)
