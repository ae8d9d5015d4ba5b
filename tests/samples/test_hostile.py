"""Bad input is bad in the way its name says, and otherwise sound."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from samples import hostile

UID_KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def test_the_image_that_the_others_damage_is_sound() -> None:
    ds = dcmread(BytesIO(hostile.valid()))
    assert ds.pixel_array.shape == (32, 32)
    assert all(UID(ds[k].value).is_valid for k in UID_KEYWORDS)


@pytest.mark.parametrize("make", [hostile.not_dicom, hostile.zero_bytes])
def test_not_dicom(make: Callable[[], bytes]) -> None:
    with pytest.raises(InvalidDicomError):
        dcmread(BytesIO(make()))


def test_truncated_images_lost_pixels_or_header() -> None:
    assert len(hostile.truncated()) < len(hostile.valid())
    ds = dcmread(BytesIO(hostile.truncated()))
    assert len(ds.get("PixelData", b"")) < 32 * 32 * 2
    assert hostile.valid().startswith(hostile.truncated_header())
    assert "StudyInstanceUID" not in dcmread(BytesIO(hostile.truncated_header()), force=True)
    assert len(hostile.preamble_only()) == 132
    assert len(hostile.lying_length()) == len(hostile.valid())


def test_no_pixel_data() -> None:
    assert "PixelData" not in dcmread(BytesIO(hostile.no_pixel_data()))


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("keyword", UID_KEYWORDS)
def test_a_uid_is_missing_or_malformed_and_the_others_are_there(keyword: str) -> None:
    ds = dcmread(BytesIO(hostile.missing_uid(keyword)))
    assert [k for k in UID_KEYWORDS if k not in ds] == [keyword]
    ds = dcmread(BytesIO(hostile.malformed_uid(keyword)))
    assert [k for k in UID_KEYWORDS if not UID(ds[k].value).is_valid] == [keyword]


def test_two_patients_in_one_study() -> None:
    found = [dcmread(BytesIO(file.content)) for file in hostile.two_patients()]
    assert len({ds.StudyInstanceUID for ds in found}) == 1
    assert len({ds.PatientID for ds in found}) == 2


def test_copies() -> None:
    first, second = (dcmread(BytesIO(f.content)) for f in hostile.conflicting_copies())
    assert first.SOPInstanceUID == second.SOPInstanceUID
    assert first.PixelData != second.PixelData
    first_copy, second_copy = hostile.duplicates()
    assert first_copy.content == second_copy.content
    assert first_copy.name != second_copy.name


def test_names_are_hostile_yet_valid_for_cloud_storage() -> None:
    names = [file.name for file in hostile.hostile_names()]
    assert len(set(names)) == len(names)
    assert any(name.startswith("../") for name in names)
    assert any(len(name) >= 300 for name in names)
    assert any(not name.isascii() for name in names)
    assert all(len(name.encode()) <= 900 and not {"\r", "\n"} & set(name) for name in names)


def test_nothing_usable() -> None:
    for file in hostile.nothing_usable():
        with pytest.raises(InvalidDicomError):
            dcmread(BytesIO(file.content))


def test_structured_report_only() -> None:
    (file,) = hostile.structured_report_only()
    ds = dcmread(BytesIO(file.content))
    assert (ds.Modality, "PixelData" in ds) == ("SR", False)
    assert ds.ContentSequence
