"""De-identifying pictures: burned-in text goes, everything around it stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)
from tests.contract.dicom.deidentified import (
    FIRST_LINE,
    SECOND_LINE,
    SIDE_PIXELS,
    burned_in,
    deidentify,
    deidentify_to,
    files_of,
    lettered,
    only,
    read,
    text_in,
)
from tests.contract.dicom.files import encoded, shipped
from tests.contract.dicom.stores import DicomStore, path_of

GUIDE = "https://cloud.google.com/healthcare-api/docs/how-tos/dicom-deidentify#redact_burnt-in_text"
IMAGE = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1/ImageConfig"
MINIMAL = {"filterProfile": "MINIMAL_KEEP_LIST_PROFILE"}
NAME, PLACE = "PHANTOM ANNA", "SUPINE FEET FIRST"


def config(mode: str, **dicom: Any) -> dict[str, Any]:
    return {"dicom": dicom or MINIMAL, "image": {"textRedactionMode": mode}}


@pytest.fixture
def picture() -> Dataset:
    """A slice with a name above and words that name nobody below."""
    return lettered(generate_uid(), generate_uid(), NAME, PLACE)


def outside(pixels: np.ndarray) -> np.ndarray:
    """Return the rows that no line of text reaches."""
    rows = np.ones(SIDE_PIXELS, bool)
    rows[FIRST_LINE] = rows[SECOND_LINE] = False
    return pixels[..., rows, :]


@pytest.mark.rule("dicom.deidentify.pixels.all", IMAGE)
@pytest.mark.rule("dicom.deidentify.pixels.outside", GUIDE)
def test_all_text_is_blacked_out_and_nothing_else(
    cloud: Any, store: DicomStore, picture: Dataset
) -> None:
    before = picture.pixel_array
    assert "PHANTOM" in text_in(cloud, before), "the reader can read this picture"
    store.put(picture)
    operation, files = deidentify(store, config=config("REDACT_ALL_TEXT"))
    assert operation["metadata"]["counter"] == {"success": "1"}
    after = only(files).pixel_array
    assert text_in(cloud, after) == ""
    assert np.array_equal(outside(after), outside(before))
    assert (after != before).mean() < 0.3, "boxes, not whole bands"
    changed = after[after != before]
    assert (changed == before.min()).all(), "boxes are black"


@pytest.mark.rule("dicom.deidentify.pixels.sensitive", IMAGE)
def test_only_sensitive_text_is_blacked_out_when_that_is_asked(
    cloud: Any, store: DicomStore, picture: Dataset
) -> None:
    store.put(picture)
    _, files = deidentify(store, config=config("REDACT_SENSITIVE_TEXT"))
    after = only(files).pixel_array
    seen = text_in(cloud, after)
    assert "SUPINE" in seen
    assert "PHANTOM" not in seen
    assert np.array_equal(after[SECOND_LINE], picture.pixel_array[SECOND_LINE])


@pytest.mark.rule("dicom.deidentify.pixels.sensitive.forms", GUIDE)
def test_dates_and_numbers_of_the_patient_are_sensitive(cloud: Any, store: DicomStore) -> None:
    dataset = lettered(generate_uid(), generate_uid(), "DOB 01/02/1970", "MRN 99-1234-X")
    store.put(dataset)
    _, files = deidentify(store, config=config("REDACT_SENSITIVE_TEXT"))
    assert text_in(cloud, only(files).pixel_array) == ""


@pytest.mark.rule("dicom.deidentify.pixels.none", IMAGE)
@pytest.mark.parametrize("mode", ["REDACT_NO_TEXT", "TEXT_REDACTION_MODE_UNSPECIFIED"])
def test_pixels_stay_when_no_redaction_is_asked(
    store: DicomStore, picture: Dataset, mode: str
) -> None:
    store.put(picture)
    _, files = deidentify(store, config=config(mode))
    assert only(files).PixelData == picture.PixelData


@pytest.mark.rule("dicom.deidentify.pixels.frames", GUIDE)
def test_text_in_one_frame_is_blacked_out_of_every_frame(cloud: Any, store: DicomStore) -> None:
    dataset = lettered(generate_uid(), generate_uid(), NumberOfFrames=3)
    plain = burned_in()
    frames = np.stack([plain, burned_in(NAME), plain])
    dataset.PixelData = frames.tobytes()
    store.put(dataset)
    _, files = deidentify(store, config=config("REDACT_ALL_TEXT"))
    after = only(files).pixel_array
    assert after.shape == frames.shape
    assert text_in(cloud, after[1]) == ""
    boxes = after[1] != frames[1]
    assert boxes.any()
    assert (after[:, boxes] == after.min()).all(), "where one frame has text, all are black"
    assert np.array_equal(outside(after), outside(frames))


@pytest.mark.rule("dicom.deidentify.pixels.inverted", GUIDE)
def test_boxes_are_black_in_an_inverted_picture_too(cloud: Any, store: DicomStore) -> None:
    dataset = lettered(
        generate_uid(), generate_uid(), NAME, PhotometricInterpretation="MONOCHROME1"
    )
    before = dataset.pixel_array
    store.put(dataset)
    _, files = deidentify(store, config=config("REDACT_ALL_TEXT"))
    after = only(files).pixel_array
    assert text_in(cloud, after) == ""
    assert (after[after != before] == before.max()).all()


@pytest.mark.rule("dicom.deidentify.pixels.window", GUIDE)
def test_text_that_the_window_hides_is_found(cloud: Any, store: DicomStore) -> None:
    dataset = lettered(generate_uid(), generate_uid(), NAME, WindowCenter=-900, WindowWidth=10)
    store.put(dataset)
    _, files = deidentify(store, config=config("REDACT_ALL_TEXT"))
    assert text_in(cloud, only(files).pixel_array) == ""


@pytest.mark.rule("dicom.deidentify.pixels.colour", GUIDE)
@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_palette.dcm"])
def test_a_real_ultrasound_picture_loses_its_text(cloud: Any, store: DicomStore, name: str) -> None:
    dataset = read(shipped(name))
    corner = dataset.pixel_array[:160, :240]
    dataset.Rows, dataset.Columns = corner.shape[:2]
    dataset.PixelData = np.ascontiguousarray(corner).tobytes()
    store.put(dataset)
    assert len(text_in(cloud, shown(dataset))) > 8
    _, files = deidentify(store, config=config("REDACT_ALL_TEXT"))
    seen = text_in(cloud, shown(only(files)))
    # What is left of letters half covered by a measuring scale may still look like one.
    assert len(seen) <= 4, seen


def shown(dataset: Dataset) -> np.ndarray:
    """Return a picture's colours in 8 bits."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return pydicom.pixels.apply_color_lut(dataset.pixel_array, dataset) >> 8
    return dataset.pixel_array


@pytest.mark.rule("dicom.deidentify.pixels.reencoded", GUIDE)
@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (JPEG2000Lossless, JPEG2000Lossless),
        (DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian),
    ],
)
def test_pixels_without_loss_are_encoded_again_without_loss(
    cloud: Any, store: DicomStore, picture: Dataset, stored: str, expected: str
) -> None:
    before = picture.pixel_array
    elsewhere = DicomStore.create(store.base_url)
    elsewhere.put(picture)
    accept = f"application/dicom; transfer-syntax={stored}"
    file = elsewhere.get(path_of(picture), accept=accept).content
    assert read(file).file_meta.TransferSyntaxUID == stored
    assert store.stow([file]).status_code == 200
    _, copies = deidentify_to(store, config=config("REDACT_ALL_TEXT"))
    kept = only(files_of(copies))
    assert kept.file_meta.TransferSyntaxUID == expected
    accept = f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    after = read(copies.get(path_of(kept), accept=accept).content).pixel_array
    assert np.array_equal(outside(after), outside(before))
    assert text_in(cloud, after) == ""


@pytest.mark.rule("dicom.deidentify.pixels.untouched", GUIDE)
def test_a_picture_without_text_keeps_its_bytes(store: DicomStore) -> None:
    file = shipped("MR_small_RLE.dcm")
    store.stow([file])
    _, files = deidentify(store, config=config("REDACT_ALL_TEXT"))
    kept = only(files)
    assert kept.PixelData == read(file).PixelData
    assert kept.file_meta.TransferSyntaxUID == RLELossless


@pytest.mark.rule(
    "dicom.deidentify.pixels.limits", "https://cloud.google.com/healthcare-api/quotas#dicom_limits"
)
def test_pixels_of_more_than_two_gigabytes_are_not_deidentified(
    store: DicomStore, picture: Dataset
) -> None:
    bomb = lettered(generate_uid(), generate_uid(), NAME, NumberOfFrames=60_000)
    bomb.PixelData = burned_in().tobytes()
    store.put(picture)
    assert store.stow([encoded(bomb)]).status_code == 200
    operation, files = deidentify(store, config=config("REDACT_ALL_TEXT"))
    assert operation["metadata"]["counter"] == {"success": "1", "failure": "1"}
    assert len(files) == 1
