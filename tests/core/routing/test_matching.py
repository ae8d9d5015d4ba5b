"""Which series an analysis takes: every condition must hold on every image, and silence is no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.routing.cases import DEMO, analysis, image

from wetread.core.headers import Header
from wetread.core.routing.analysis import Analysis
from wetread.core.routing.attributes import Form, routing_attributes
from wetread.core.routing.matching import matching_analyses, takes
from wetread.core.routing.table import changed_analyses, shipped_analyses

CODES = [k for k, row in routing_attributes().items() if row.form is Form.CODE and k != "ImageType"]
NUMBERS = [k for k, row in routing_attributes().items() if row.form is Form.NUMBER]

WORDS = st.sampled_from(["PA", "AP", "LL", "HFS"])
VALUES = st.floats(-5, 5, allow_nan=False)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    codes = draw(st.dictionaries(st.sampled_from(CODES), st.lists(WORDS, min_size=1), max_size=2))
    ends = st.tuples(VALUES, VALUES).map(lambda two: {"min": min(two), "max": max(two)})
    numbers = draw(st.dictionaries(st.sampled_from(NUMBERS), ends, max_size=2))
    return {**codes, **numbers}


@st.composite
def images(draw: st.DrawFn) -> Header:
    codes = draw(st.dictionaries(st.sampled_from(CODES), WORDS, max_size=3))
    values = VALUES.map(lambda number: f"{number:.6g}")
    numbers = draw(st.dictionaries(st.sampled_from(NUMBERS), values, max_size=3))
    return image(draw(st.sampled_from(["CT", "MR", ""])), draw(WORDS), **codes, **numbers)


@given(conditions(), st.lists(images(), min_size=1, max_size=3), conditions())
def test_another_condition_never_takes_more(
    some: dict[str, Any], series: list[Header], more: dict[str, Any]
) -> None:
    narrower = analysis(modality=["*"], attributes={**more, **some})
    if takes(narrower, series):
        assert takes(analysis(modality=["*"], attributes=some), series)


@given(conditions().filter(bool), st.lists(images(), min_size=1, max_size=3), st.data())
def test_a_missing_attribute_meets_no_condition(
    asked: dict[str, Any], series: list[Header], data: st.DataObject
) -> None:
    keyword = data.draw(st.sampled_from(sorted(asked)))
    number = data.draw(st.integers(0, len(series) - 1))
    left = tuple(pair for pair in series[number].attributes if pair[0] != keyword)
    series[number] = replace(series[number], attributes=left)
    assert not takes(analysis(modality=["*"], attributes=asked), series)


@given(conditions(), st.lists(images(), min_size=1, max_size=3))
def test_a_series_is_taken_where_each_of_its_images_is(
    asked: dict[str, Any], series: list[Header]
) -> None:
    wanted = analysis(modality=["CT", "MR"], attributes=asked)
    assert takes(wanted, series) == all(takes(wanted, [one]) for one in series)


def test_a_series_without_images_is_taken_by_none() -> None:
    assert not takes(analysis(modality=["*"]), [])


@pytest.mark.parametrize(
    ("modality", "body_part", "expected"),
    [
        ("CT", "CHEST", ["vision", "phantom-nodule", "burned-in-text"]),
        ("CT", "", ["vision", "burned-in-text"]),
        ("CT", "ABDOMEN", ["vision", "burned-in-text"]),
        ("DX", "CHEST", ["vision", "phantom-pneumothorax", "burned-in-text"]),
        ("CR", "CHEST", ["vision", "phantom-pneumothorax", "burned-in-text"]),
        ("", "", ["vision", "burned-in-text"]),
        ("DOE^JANE", "CHEST", ["vision", "burned-in-text"]),
    ],
)
def test_what_ships_takes_once_it_is_on(modality: str, body_part: str, expected: list[str]) -> None:
    table = changed_analyses(shipped_analyses(), DEMO)
    found = matching_analyses(table, [image(modality, body_part, SliceThickness="1.25")])
    assert [one.id for one in found] == expected


@pytest.mark.parametrize("thickness", [{}, {"SliceThickness": "5"}])
def test_slices_thicker_than_the_model_was_tried_on_do_not_reach_it(
    thickness: dict[str, Any],
) -> None:
    table = changed_analyses(shipped_analyses(), DEMO)
    found = matching_analyses(table, [image("CT", "CHEST", **thickness)])
    assert [one.id for one in found] == ["vision", "burned-in-text"]


def test_what_is_off_takes_nothing() -> None:
    found = matching_analyses(shipped_analyses(), [image("CT", "CHEST")])
    assert [one.id for one in found] == ["vision"]


def test_one_image_of_another_body_part_keeps_a_volume_from_the_model() -> None:
    wanted = analysis(body_part=["CHEST"])
    assert takes(wanted, [image("CT", "CHEST"), image("CT", "CHEST")])
    assert not takes(wanted, [image("CT", "CHEST"), image("CT", "HEAD")])


@pytest.mark.parametrize("modality", ["CT", "ct", " CT "])
def test_a_modality_counts_in_any_case(modality: str) -> None:
    assert takes(analysis(), [image(modality)])


@pytest.mark.parametrize(
    ("asked", "value", "expected"),
    [
        ({"PixelSpacing": {"max": 1}}, r"0.7\0.7", True),
        ({"PixelSpacing": {"max": 1}}, r"0.7\1.2", False),
        ({"SliceThickness": {"min": 0.6, "max": 2.5}}, "0.6", True),
        ({"SliceThickness": {"min": 0.6, "max": 2.5}}, "2.5", True),
        ({"SliceThickness": {"min": 0.6, "max": 2.5}}, "2.6", False),
        ({"SliceThickness": {"min": 0.6}}, "0.5", False),
        ({"ScanningSequence": ["IR"]}, r"SE\IR", True),
        ({"ScanningSequence": ["IR"]}, "SE", False),
        ({"ContrastBolusAgent": ["YES"]}, "YES", True),
    ],
)
def test_lists_want_one_value_and_ranges_want_all(
    asked: dict[str, Any], value: str, expected: bool
) -> None:
    wanted: Analysis = analysis(attributes=asked)
    assert takes(wanted, [image(**{next(iter(asked)): value})]) is expected


def test_what_a_header_knows_anyway_can_be_asked() -> None:
    wanted = analysis(
        attributes={"ImageType": ["AXIAL"], "SOPClassUID": ["1.2.840.10008.5.1.4.1.1.2"]}
    )
    assert takes(wanted, [image()])
    assert not takes(wanted, [replace(image(), image_type=("DERIVED",))])
