"""What routing keeps of a header: short codes and numbers, never what somebody typed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword

from samples import hostile
from wetread.core.headers import Header, header_from_dicomweb, header_from_dict, read_header
from wetread.core.routing.attributes import Form, kept_values, routing_attributes

TYPED = {"LO", "LT", "PN", "ST", "UC", "UT", "DA", "DT", "TM", "AS"}
"""Value representations of what people type, and of times and ages (PS3.5 table 6.2-1)."""


def file_header(dataset: Dataset) -> Header:
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    content = stream.getvalue()
    header = read_header(content, len(content), lambda value: value)
    assert isinstance(header, Header)
    return header


def image(**values: Any) -> Dataset:
    dataset = dcmread(BytesIO(hostile.valid()))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize("keyword", list(routing_attributes()))
def test_no_attribute_is_one_that_people_type(keyword: str) -> None:
    assert tag_for_keyword(keyword) is not None
    is_kept_as_presence = routing_attributes()[keyword].form is Form.PRESENCE
    assert dictionary_VR(keyword) not in TYPED or is_kept_as_presence


FULL: dict[str, Any] = {
    "ViewPosition": "pa ",
    "Laterality": "L",
    "SliceThickness": "1.250",
    "PixelSpacing": ["0.7", "0.70000"],
    "ConvolutionKernel": ["B30f"],
    "ContrastBolusAgent": "Given by Dr. Doe",
    "ScanningSequence": ["SE", "IR"],
    "MagneticFieldStrength": "3",
}


def test_a_header_keeps_what_routing_asks_for() -> None:
    header = file_header(image(**FULL))
    kept = {keyword: header.attribute(keyword) for keyword in FULL}
    assert kept == {
        "ViewPosition": ("PA",),
        "Laterality": ("L",),
        "SliceThickness": ("1.25",),
        "PixelSpacing": ("0.7", "0.7"),
        "ConvolutionKernel": ("B30F",),
        "ContrastBolusAgent": ("YES",),
        "ScanningSequence": ("SE", "IR"),
        "MagneticFieldStrength": ("3",),
    }
    assert header.body_part == "CHEST"
    assert header_from_dict(header.as_dict()) == header


def test_the_dicom_store_says_the_same_as_the_file() -> None:
    dataset = image(**FULL)
    instance = dataset.to_json_dict(suppress_invalid_tags=True)
    stored = header_from_dicomweb(instance, lambda value: value)
    header = file_header(dataset)
    assert (stored.body_part, stored.attributes) == (header.body_part, header.attributes)


def test_a_header_of_before_is_read_without_what_routing_asks_for() -> None:
    stored = file_header(image()).as_dict()
    del stored["body_part"], stored["attributes"]
    header = header_from_dict(stored)
    assert (header.body_part, header.attributes) == ("", ())
    assert header.attribute("ViewPosition") == ()
    assert header.attribute("ImageType") == ("ORIGINAL", "PRIMARY", "AXIAL")


@pytest.mark.parametrize(
    "value",
    ["DOE^JANE", "x" * 17, "", "  ", "PA\nAP", "Müller", "=cmd", "A;B", "é"],
)
def test_a_value_that_is_no_code_is_missing(value: str) -> None:
    assert kept_values("ViewPosition", [value]) == ()


@pytest.mark.parametrize("value", ["NaN", "inf", "one", "", None, "1e999", [1]])
def test_a_value_that_is_no_number_is_missing(value: Any) -> None:
    assert kept_values("KVP", [value]) == ()


def test_one_unfit_value_makes_all_missing() -> None:
    assert kept_values("ScanningSequence", ["SE", "DOE^JANE"]) == ()
    assert kept_values("PixelSpacing", ["1", None]) == ()
    assert kept_values("ScanningSequence", ["SE"] * 9) == ()
    assert kept_values("ScanningSequence", []) == ()


@given(
    st.sampled_from(list(routing_attributes())),
    st.lists(st.one_of(st.text(), st.floats(), st.none(), st.integers()), max_size=10),
)
def test_what_is_kept_is_short_and_printable(keyword: str, values: list[Any]) -> None:
    kept = kept_values(keyword, values)
    assert all(0 < len(value) <= 64 and value.isascii() and value.isprintable() for value in kept)
    assert not any("\\" in value or "^" in value for value in kept)
    assert kept_values(keyword, kept) == kept
