"""Files in every transfer syntax that Google transcodes to and from, and what it refuses."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SegmentationStorage,
    generate_uid,
)
from tests.contract.dicom.files import ct_series, encoded, forced, shipped
from tests.contract.dicom.stores import DicomStore, path_of

TRANSCODING = (
    "https://cloud.google.com/healthcare-api/docs/dicom#supported_transfer_syntaxes_for_transcoding"
)
PIXEL_MODULE = (
    "https://dicom.nema.org/medical/dicom/current/output/html/part03.html#sect_C.7.6.1.1.5"
)
PREFIX = "1.2.840.10008.1.2.4."
RLE, DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
JXL_LOSSLESS, JXL_RECOMPRESSED, JXL = (f"{PREFIX}{number}" for number in (110, 111, 112))
HTJ2K = f"{PREFIX}203"
LOSSLESS = [f"{PREFIX}{number}" for number in (57, 70, 80, 90, 110, 201, 202)]
LOSSLESS += [RLE, DEFLATED_FRAME]
LOSSY = {
    f"{PREFIX}50": "ISO_10918_1",
    f"{PREFIX}51": "ISO_10918_1",
    f"{PREFIX}81": "ISO_14495_1",
    f"{PREFIX}91": "ISO_15444_1",
    JXL: "ISO_18181_1",
    HTJ2K: "ISO_15444_15",
}
# pydicom has no codec for these, or does not know them yet.
NOT_DECODED_HERE = {JXL_LOSSLESS, DEFLATED_FRAME, f"{PREFIX}201", f"{PREFIX}202"}
SOURCES = ["CT_small.dcm", "SC_rgb_small_odd.dcm", "MR_small_bigendian.dcm"]


def retrieved(store: DicomStore, path: str, syntax: str) -> Dataset:
    """Retrieve an instance in a transfer syntax."""
    answer = store.get(path, accept=f"application/dicom; transfer-syntax={syntax}")
    assert answer.status_code == 200, answer.text
    dataset = pydicom.dcmread(io.BytesIO(answer.content))
    assert dataset.file_meta.TransferSyntaxUID == syntax
    return dataset


def stored_again(store: DicomStore, dataset: Dataset) -> str:
    """Store a dataset as a new instance and return its path."""
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    assert store.stow([forced(dataset)]).status_code == 200
    return path_of(dataset)


def stored(store: DicomStore, name: str) -> Dataset:
    file = shipped(name)
    assert store.stow([file]).status_code == 200
    return pydicom.dcmread(io.BytesIO(file))


def refused(store: DicomStore, dataset: Dataset, syntax: str) -> str:
    """Insist that an instance cannot be had in a transfer syntax; return why."""
    answer = store.get(path_of(dataset), accept=f"application/dicom; transfer-syntax={syntax}")
    assert answer.status_code == 400, answer.content[:200]
    series = f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'
    assert store.get(path_of(dataset, 2), accept=series).status_code == 400
    kept = store.get(path_of(dataset), accept="application/dicom; transfer-syntax=*")
    assert kept.status_code == 200
    return str(answer.json()["error"]["message"])


@pytest.mark.rule("dicom.transcode.lossless", TRANSCODING)
@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("name", SOURCES)
def test_lossless_syntaxes_give_every_pixel_back(store: DicomStore, name: str, syntax: str) -> None:
    original = stored(store, name)
    compressed = retrieved(store, path_of(original), syntax)
    assert "LossyImageCompression" not in compressed or compressed.LossyImageCompression == "00"
    if syntax not in NOT_DECODED_HERE:
        # Decoded here by other codecs than the server's.
        assert np.array_equal(compressed.pixel_array, original.pixel_array)
    decoded = retrieved(store, stored_again(store, compressed), ExplicitVRLittleEndian)
    assert np.array_equal(decoded.pixel_array, original.pixel_array)


@pytest.mark.rule("dicom.transcode.lossy", PIXEL_MODULE)
@pytest.mark.parametrize("syntax", LOSSY)
@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_small_odd.dcm"])
def test_lossy_syntaxes_say_so_and_stay_close(store: DicomStore, name: str, syntax: str) -> None:
    original = stored(store, name)
    compressed = retrieved(store, path_of(original), syntax)
    assert compressed.LossyImageCompression == "01"
    assert LOSSY[syntax] in compressed.LossyImageCompressionMethod
    decoded = retrieved(store, stored_again(store, compressed), ExplicitVRLittleEndian)
    error = np.abs(modality_values(decoded) - modality_values(original)).mean()
    spread = np.ptp(modality_values(original))
    assert error < 0.02 * spread


def modality_values(dataset: Dataset) -> np.ndarray:
    slope = float(dataset.get("RescaleSlope", 1))
    return dataset.pixel_array * slope + float(dataset.get("RescaleIntercept", 0))


@pytest.mark.rule("dicom.transcode.jpeg.hounsfield", TRANSCODING)
@pytest.mark.parametrize("number", [50, 51])
def test_deep_grey_becomes_jpeg_with_the_same_hounsfield_units(
    store: DicomStore, number: int
) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    found = retrieved(store, path_of(dataset), f"{PREFIX}{number}")
    assert (found.BitsAllocated, found.BitsStored) == ((8, 8) if number == 50 else (16, 12))
    assert found.PixelRepresentation == 0
    step = found.RescaleSlope
    decoded = retrieved(store, stored_again(store, found), ExplicitVRLittleEndian)
    assert np.abs(modality_values(decoded) - modality_values(dataset)).max() <= 60 + step


@pytest.mark.rule("dicom.transcode.jpeg.shallow", TRANSCODING)
@pytest.mark.parametrize("syntax", [f"{PREFIX}50", f"{PREFIX}51", JXL])
@pytest.mark.parametrize("is_signed", [0, 1])
def test_deep_grey_of_few_values_keeps_them(store: DicomStore, syntax: str, is_signed: int) -> None:
    pixels = np.tile(np.arange(32, dtype="<i2") * 6, (32, 1))
    dataset = ct_series(1, PixelData=pixels.tobytes(), PixelRepresentation=is_signed)[0]
    store.put(dataset)
    found = retrieved(store, path_of(dataset), syntax)
    decoded = retrieved(store, stored_again(store, found), ExplicitVRLittleEndian)
    assert np.abs(modality_values(decoded) - modality_values(dataset)).max() <= 4


@pytest.mark.rule("dicom.transcode.native", TRANSCODING)
@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm"])
def test_files_come_uncompressed_in_every_native_syntax(
    store: DicomStore, name: str, syntax: str
) -> None:
    original = stored(store, name)
    found = retrieved(store, path_of(original), syntax)
    assert np.array_equal(found.pixel_array, original.pixel_array)
    assert found.PatientID == original.PatientID


@pytest.mark.rule("dicom.transcode.frames", TRANSCODING)
@pytest.mark.parametrize("syntax", [RLE, f"{PREFIX}201"])
def test_every_frame_of_a_multi_frame_file_is_transcoded(store: DicomStore, syntax: str) -> None:
    original = stored(store, "rtdose.dcm" if syntax == RLE else "examples_ybr_color.dcm")
    found = retrieved(store, path_of(original), syntax)
    frames = list(generate_frames(found.PixelData, number_of_frames=found.NumberOfFrames))
    assert len(frames) == original.NumberOfFrames
    decoded = retrieved(store, stored_again(store, found), ExplicitVRLittleEndian)
    difference = decoded.pixel_array.astype(int) - pydicom.pixels.pixel_array(original)
    assert np.abs(difference).max() <= 2


@pytest.mark.rule("dicom.transcode.recompression", TRANSCODING)
def test_jpeg_xl_recompression_gives_the_jpeg_file_back(store: DicomStore) -> None:
    grey = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))
    output = io.BytesIO()
    Image.fromarray(grey).save(output, "JPEG", quality=90)
    dataset = ct_series(1, BitsAllocated=8, BitsStored=8, HighBit=7)[0]
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([output.getvalue()])
    store.put(dataset)
    smaller = retrieved(store, path_of(dataset), JXL_RECOMPRESSED)
    assert b"JXL" in smaller.PixelData
    decoded = retrieved(store, stored_again(store, smaller), ExplicitVRLittleEndian)
    assert np.abs(decoded.pixel_array.astype(int) - dataset.pixel_array).max() <= 1
    plain = ct_series(1)[0]
    store.put(plain)
    assert "JPEG Baseline" in refused(store, plain, JXL_RECOMPRESSED)


@pytest.mark.rule("dicom.transcode.single_bits", TRANSCODING)
@pytest.mark.parametrize("syntax", [RLE, f"{PREFIX}90", DEFLATED_FRAME])
def test_single_bits_are_never_compressed(store: DicomStore, syntax: str) -> None:
    bits = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "PixelData": b"\x55" * 128}
    dataset = ct_series(1, SOPClassUID=SegmentationStorage, **bits)[0]
    store.put(dataset)
    assert "never compressed" in refused(store, dataset, syntax)
    assert retrieved(store, path_of(dataset), ImplicitVRLittleEndian).PixelData == b"\x55" * 128


@pytest.mark.rule("dicom.transcode.float", TRANSCODING)
@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_floating_point_pixels_are_never_compressed(store: DicomStore, keyword: str) -> None:
    dataset = ct_series(1)[0]
    del dataset.PixelData
    size = 4 if keyword == "FloatPixelData" else 8
    dataset.BitsAllocated = 8 * size
    setattr(dataset, keyword, np.linspace(0, 1, 1024, dtype=f"<f{size}").tobytes())
    store.put(dataset)
    assert "never compressed" in refused(store, dataset, f"{PREFIX}90")
    implicit = retrieved(store, path_of(dataset), ImplicitVRLittleEndian)
    assert implicit[keyword].value == dataset[keyword].value


@pytest.mark.rule("dicom.transcode.deep_colour", TRANSCODING)
@pytest.mark.parametrize("number", [50, 51, 57, 70])
def test_deep_colours_cannot_become_jpeg(store: DicomStore, number: int) -> None:
    dataset = stored(store, "SC_rgb_rle_16bit.dcm")
    assert "8 bits" in refused(store, dataset, f"{PREFIX}{number}")


@pytest.mark.rule("dicom.transcode.deep_colour.others", TRANSCODING)
def test_deep_colours_can_become_something_else(store: DicomStore) -> None:
    dataset = stored(store, "SC_rgb_rle_16bit.dcm")
    found = retrieved(store, path_of(dataset), f"{PREFIX}90")
    assert np.array_equal(found.pixel_array, dataset.pixel_array)


@pytest.mark.rule("dicom.transcode.unsupported_source", TRANSCODING)
@pytest.mark.parametrize("syntax", [MPEG2MPML, f"{PREFIX}92", "1.2.3.4"])
def test_other_syntaxes_are_kept_but_not_transcoded(store: DicomStore, syntax: str) -> None:
    dataset = ct_series(1)[0]
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([b"opaque"])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    assert store.stow([forced(dataset)]).status_code == 200
    assert "cannot be transcoded" in refused(store, dataset, ExplicitVRLittleEndian)
    assert store.get(path_of(dataset)).status_code == 400, "uncompressed is the default"


@pytest.mark.rule("dicom.transcode.without_pixels", TRANSCODING)
def test_a_file_without_pixels_is_only_written_anew(store: DicomStore) -> None:
    dataset = stored(store, "rtplan.dcm")
    found = retrieved(store, path_of(dataset), ExplicitVRLittleEndian)
    assert found.RTPlanLabel == dataset.RTPlanLabel


@pytest.mark.rule("dicom.transcode.same", TRANSCODING)
def test_the_stored_syntax_by_name_is_the_stored_file(store: DicomStore) -> None:
    dataset = ct_series(1)[0]
    store.put(dataset)
    accept = f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    assert store.get(path_of(dataset), accept=accept).content == encoded(dataset)
