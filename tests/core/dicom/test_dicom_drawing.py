"""The picture of a key image: legible at any size, marked where the candidates lie."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.dicom.cases import DEVICE, NODULE, REFERENCE

from wetread.core.dicom.drawing import LONGEST_SIDE_PIXELS, draw_key_image
from wetread.core.dicom.marks import Mark, draw_marks
from wetread.core.findings import Candidate, CandidateKind, Finding, Measurement, Region

ORANGE = (255, 140, 30)
YELLOW = (255, 225, 60)
AMBER = (255, 196, 0)


def where(picture: np.ndarray, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero((picture == colour).all(axis=2))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 3000),
    columns=st.integers(1, 3000),
    aspect=st.sampled_from([1.0, 0.5, 3.0]),
    colour=st.booleans(),
)
def test_any_image_becomes_a_picture_of_a_useful_size(
    rows: int, columns: int, aspect: float, colour: bool
) -> None:
    pixels = np.full((rows, columns, 3) if colour else (rows, columns), 90, np.uint8)
    picture = draw_key_image(pixels, [NODULE, DEVICE], "model", pixel_aspect=aspect)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert max(picture.shape) <= LONGEST_SIDE_PIXELS
    assert picture.shape[1] >= 720
    assert where(picture, AMBER)[0].size, "the warning is missing"


@pytest.mark.parametrize("shape", [(128, 128), (512, 512), (2500, 2000), (480, 640, 3)])
def test_the_warning_fills_the_upper_bar_on_both_sides(shape: tuple[int, ...]) -> None:
    picture = draw_key_image(np.full(shape, 255, np.uint8), [], "model")
    rows, columns = where(picture, AMBER)
    width = picture.shape[1]
    assert rows.max() < picture.shape[0] // 10
    assert columns.min() < width // 20
    assert columns.max() > width - width // 20
    assert rows.max() - rows.min() >= 14, "too small to read"


def test_a_box_lies_where_its_region_says() -> None:
    region = Region(0.25, 0.5, 0.5, 0.25)
    picture = draw_key_image(np.zeros((512, 512), np.uint8), [replace(NODULE, region=region)], "m")
    bar = (picture.shape[0] - 1024) // 2
    rows, columns = where(picture, ORANGE)
    assert columns.min() == pytest.approx(0.25 * 1024, abs=2)
    assert columns.max() == pytest.approx(0.75 * 1024, abs=2)
    assert rows.max() == pytest.approx(bar + 0.75 * 1024, abs=2)


def test_a_finding_and_a_candidate_at_one_place_are_both_seen() -> None:
    region = Region(0.4, 0.4, 0.1, 0.1)
    found = Finding(
        "pulmonary-nodule",
        0.5,
        0.3,
        REFERENCE,
        region,
        measurements=(Measurement("diameter", 8.14, "mm"),),
    )
    alone = draw_key_image(np.zeros((512, 512), np.uint8), [found], "m")
    both = draw_key_image(
        np.zeros((512, 512), np.uint8), [replace(NODULE, score=0.9, region=region), found], "m"
    )
    inside = slice(470, 500)
    box = {colour: where(both[:, inside], colour)[0] for colour in (YELLOW, ORANGE)}
    assert box[YELLOW].size > box[ORANGE].size, "the finding stands out, whatever the scores"
    assert where(alone, YELLOW)[0].size == where(both, YELLOW)[0].size, "nothing lies on it"
    assert where(both, ORANGE)[1].min() < where(both, YELLOW)[1].min(), "one box around the other"


def test_labels_hide_no_box_where_there_is_room() -> None:
    from PIL import Image

    canvas = Image.new("RGB", (800, 800))
    boxes = [(300, 300, 380, 380), (310, 310, 360, 360), (320, 320, 350, 350)]
    draw_marks(canvas, [Mark(box, "seen", ORANGE) for box in boxes], (0, 0, 799, 799), 22)
    assert not np.asarray(canvas)[325:346, 325:346].any()


def test_pixels_that_are_not_square_are_drawn_in_proportion() -> None:
    picture = draw_key_image(np.full((100, 200), 255, np.uint8), [], "m", pixel_aspect=2.0)
    white = (picture == 255).all(axis=2)
    height, width = white.any(axis=1).sum(), white.any(axis=0).sum()
    assert height == pytest.approx(width, rel=0.02)


REGIONS = st.builds(
    Region,
    st.floats(-2, 2),
    st.floats(-2, 2),
    st.floats(0, 2),
    st.floats(0, 2),
)


@settings(max_examples=25, deadline=None)
@given(
    regions=st.lists(REGIONS, max_size=30),
    label=st.text(max_size=80),
)
def test_any_candidates_can_be_drawn(regions: list[Region], label: str) -> None:
    candidates = [
        Candidate(CandidateKind.OBJECT, label, 0.5, REFERENCE, region) for region in regions
    ]
    picture = draw_key_image(np.zeros((64, 64), np.uint8), candidates, "model")
    again = draw_key_image(np.zeros((64, 64), np.uint8), candidates, "model")
    assert np.array_equal(picture, again)


def test_labels_do_not_cover_each_other() -> None:
    from PIL import Image

    canvas = Image.new("RGB", (600, 600))
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    marks = [Mark((300, 300, 340, 340), "same place", colour) for colour in colours]
    draw_marks(canvas, marks, (0, 0, 599, 599), 22)
    drawn = np.asarray(canvas)
    areas = []
    for colour in colours:
        rows, columns = where(drawn, colour)
        text = columns > 380  # right of the boxes there is nothing but labels
        areas.append((rows[text].min(), rows[text].max()))
    areas.sort()
    assert all(above[1] < below[0] for above, below in pairwise(areas))
