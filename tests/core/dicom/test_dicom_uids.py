"""UIDs that can be made again, and the recognition of what Wetread wrote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import UID, CTImageStorage, EnhancedSRStorage, SegmentationStorage
from tests.core.dicom.cases import key_image, source

from wetread.core.dicom.ownership import is_own_result
from wetread.core.dicom.uids import derive_uid
from wetread.core.pixels.reading import read_instance

PARTS = st.lists(st.text(max_size=20), min_size=1, max_size=4)


@settings(deadline=None)
@given(parts=PARTS, others=PARTS)
def test_uids_are_valid_and_stand_for_their_parts(parts: list[str], others: list[str]) -> None:
    assert UID(derive_uid(*parts)).is_valid
    assert (derive_uid(*parts) == derive_uid(*others)) == (parts == others)


def test_a_uid_never_changes() -> None:
    """Objects written last year keep their UIDs only while this holds."""
    assert derive_uid("1.2.3", "key-image") == "2.25.276517790957563368174989900419118315452"


def test_own_objects_are_known_as_data_sets_and_as_metadata() -> None:
    header = read_instance(key_image())
    assert is_own_result(header)
    assert is_own_result(header.to_json_dict())


@pytest.mark.parametrize(
    ("sop_class", "image_type"),
    [(EnhancedSRStorage, None), (SegmentationStorage, ["DERIVED", "PRIMARY"])],
)
def test_results_without_a_picture_are_known_too(
    sop_class: str, image_type: list[str] | None
) -> None:
    result = source(SOPClassUID=sop_class, Manufacturer="Wetread", ImageType=image_type)
    del result.PixelData
    assert is_own_result(result)
    assert is_own_result(result.to_json_dict())


@pytest.mark.parametrize("manufacturer", [None, "", "Example", "wetread", "Wetread Inc"])
def test_other_objects_are_not(manufacturer: str | None) -> None:
    other = source(Manufacturer=manufacturer, ImageType=["DERIVED", "SECONDARY"])
    assert not is_own_result(other)
    assert not is_own_result(other.to_json_dict())


def test_a_phantom_that_wetread_made_is_an_image() -> None:
    phantom = source(
        SOPClassUID=CTImageStorage, Manufacturer="Wetread", ImageType=["ORIGINAL", "PRIMARY"]
    )
    assert not is_own_result(phantom)


def test_a_header_without_anything_is_not_ours() -> None:
    assert not is_own_result({})
