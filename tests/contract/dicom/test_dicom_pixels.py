"""Frames and rendered pictures."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from tests.contract.dicom.files import ct_series, shipped
from tests.contract.dicom.stores import DicomStore, path_of

FRAMES = "https://cloud.google.com/healthcare-api/docs/dicom#dicom_frames"
RENDERED = "https://cloud.google.com/healthcare-api/docs/dicom#rendered_resources"


def stored(store: DicomStore, name: str) -> pydicom.Dataset:
    """Store a shipped file and return its dataset."""
    file = shipped(name)
    assert store.stow([file]).status_code == 200
    return pydicom.dcmread(io.BytesIO(file))


def uids(dataset: pydicom.Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def picture(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.rule("dicom.frames.native", FRAMES)
def test_frames_come_decoded_by_default(store: DicomStore) -> None:
    dataset = stored(store, "MR_small_RLE.dcm")
    (frame,) = store.web.retrieve_instance_frames(*uids(dataset), [1])
    reference = pydicom.dcmread(io.BytesIO(shipped("MR_small.dcm")))
    assert frame == reference.PixelData
    answer = store.get(f"{path_of(dataset)}/frames/1")
    assert answer.headers["content-type"].startswith('multipart/related; type="application/octet')


@pytest.mark.rule("dicom.frames.as_stored", FRAMES)
def test_frames_come_as_stored_on_request(store: DicomStore) -> None:
    dataset = stored(store, "examples_ybr_color.dcm")
    frames = list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))
    accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    answer = store.get(f"{path_of(dataset)}/frames/2,1", accept=accept)
    second, first = answer.content.find(frames[1]), answer.content.find(frames[0])
    assert 0 < second < first
    syntax = dataset.file_meta.TransferSyntaxUID
    assert f"transfer-syntax={syntax}".encode() in answer.content


@pytest.mark.rule("dicom.frames.numbers", FRAMES)
def test_frames_count_from_one(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    assert store.get(f"{path_of(dataset)}/frames/2").status_code == 404
    for number in ("0", "-1", "x", "1,,2"):
        assert store.get(f"{path_of(dataset)}/frames/{number}").status_code == 400


@pytest.mark.rule("dicom.rendered.window", RENDERED)
def test_a_ct_slice_is_rendered_with_its_own_window(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    answer = store.get(f"{path_of(dataset)}/rendered", accept="image/png")
    assert answer.headers["content-type"] == "image/png"
    grey = picture(answer.content)
    assert grey.shape == (dataset.Rows, dataset.Columns)
    assert grey[0, 0] == 0, "air is below the window"
    assert grey[4, 12] == 255, "400 HU is above the window"


@pytest.mark.rule(
    "dicom.rendered.window.level",
    "https://dicom.nema.org/medical/dicom/current/output/html/part03.html#sect_C.11.2.1.2",
)
@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, 128),
        ({"VOILUTFunction": "LINEAR_EXACT"}, 128),
        ({"VOILUTFunction": "SIGMOID"}, 128),
        ({"WindowCenter": [140, 0], "WindowWidth": [400, 1]}, 64),
        ({"WindowWidth": 1}, 255),
    ],
)
def test_the_window_and_not_the_frame_decides_how_bright_a_value_is(
    store: DicomStore, attributes: dict[str, object], expected: int
) -> None:
    # Every pixel is 40 HU, so a picture stretched to the frame's own range would be black.
    pixels = np.full((32, 32), 1064, "<u2").tobytes()
    dataset = ct_series(1, PixelData=pixels, **attributes)[0]
    store.put(dataset)
    grey = picture(store.get(f"{path_of(dataset)}/rendered", accept="image/png").content)
    assert (grey == expected).all()


@pytest.mark.rule("dicom.rendered.odd_forms", RENDERED)
@pytest.mark.parametrize(
    "name",
    [
        "examples_palette.dcm",
        "liver_1frame.dcm",
        "SC_rgb_rle_16bit.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "JPGExtended.dcm",
        "693_J2KI.dcm",
        "rtdose_1frame.dcm",
    ],
)
def test_unusual_pixels_are_rendered_too(store: DicomStore, name: str) -> None:
    dataset = stored(store, name)
    answer = store.get(f"{path_of(dataset)}/rendered", accept="image/png")
    assert answer.status_code == 200, answer.text
    shown = picture(answer.content)
    assert shown.shape[:2] == (dataset.Rows, dataset.Columns)
    assert shown.min() < shown.max()


@pytest.mark.rule("dicom.rendered.float", RENDERED)
def test_float_pixels_are_rendered_over_their_range(store: DicomStore) -> None:
    values = np.linspace(-1.0, 1.0, 32 * 32, dtype="<f4")
    dataset = ct_series(1)[0]
    for keyword in ("PixelData", "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"):
        delattr(dataset, keyword)
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = values.tobytes()
    store.put(dataset)
    answer = store.get(f"{path_of(dataset)}/rendered", accept="image/png")
    assert answer.status_code == 200, answer.text
    grey = picture(answer.content)
    assert (grey[0, 0], grey[-1, -1]) == (0, 255)


@pytest.mark.rule("dicom.rendered.types", RENDERED)
def test_pictures_are_jpeg_unless_png_is_asked_for(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    path = f"{path_of(dataset)}/rendered"
    assert store.get(path).headers["content-type"] == "image/jpeg"
    png = store.web.retrieve_instance_rendered(*uids(dataset), media_types=("image/png",))
    assert png.startswith(b"\x89PNG")
    assert store.get(path, accept="image/gif").status_code == 406


@pytest.mark.rule("dicom.rendered.viewport", RENDERED)
def test_viewport_is_the_only_parameter(store: DicomStore) -> None:
    dataset = ct_series(1, Rows=32, Columns=16, PixelData=bytes(32 * 16 * 2))[0]
    store.put(dataset)
    path = f"{path_of(dataset)}/rendered"
    fitted = store.get(path, accept="image/png", viewport="64,64")
    assert picture(fitted.content).shape == (64, 32), "the aspect ratio is kept"
    region = store.get(path, accept="image/png", viewport="8,8,4,4,8,8")
    assert picture(region.content).shape == (8, 8)
    for viewport in ("0,8", "x,y", "8", "20000,8", "8,8,100,0,4,4", "8,8,0,0,-4,4", "nan,8"):
        assert store.get(path, viewport=viewport).status_code == 400
    assert store.get(path, window="40,400,linear").status_code == 400


@pytest.mark.rule("dicom.rendered.frames", RENDERED)
def test_a_colour_frame_is_rendered(store: DicomStore) -> None:
    dataset = stored(store, "examples_ybr_color.dcm")
    answer = store.get(f"{path_of(dataset)}/frames/3/rendered", accept="image/png")
    colours = picture(answer.content)
    assert colours.shape == (dataset.Rows, dataset.Columns, 3)
    expected = pydicom.pixels.pixel_array(dataset, index=2)
    assert np.abs(colours.astype(int) - expected).max() <= 2
    assert store.get(f"{path_of(dataset)}/frames/31/rendered").status_code == 404


@pytest.mark.rule("dicom.rendered.inverted", RENDERED)
def test_monochrome1_is_shown_inverted(store: DicomStore) -> None:
    dataset = ct_series(1, PhotometricInterpretation="MONOCHROME1")[0]
    store.put(dataset)
    grey = picture(store.get(f"{path_of(dataset)}/rendered", accept="image/png").content)
    assert (grey[0, 0], grey[4, 12]) == (255, 0)


@pytest.mark.rule("dicom.rendered.no_pixels", RENDERED)
def test_an_instance_without_pixels_cannot_be_rendered(store: DicomStore) -> None:
    dataset = stored(store, "rtplan.dcm")
    answer = store.get(f"{path_of(dataset)}/rendered")
    assert answer.status_code == 400
    assert "no pixel data" in answer.json()["error"]["message"]
