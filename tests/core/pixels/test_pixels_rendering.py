"""Rendering against the formulas of PS3.3 C.11, value by value, and against hostile headers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import JPEG2000, JPEGBaseline8Bit
from tests.core.pixels.cases import LIMIT_BYTES, file_of, image, wheel_file

from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import RenderedFrame, render_frame
from wetread.core.pixels.voi import WindowUsed


def render(dataset: Dataset, frame_number: int = 1) -> RenderedFrame:
    """Render after a trip through a file, as every real image does."""
    return render_frame(read_instance(file_of(dataset)), frame_number, limit_bytes=LIMIT_BYTES)


def reason(dataset: Dataset, frame_number: int = 1, limit_bytes: int = LIMIT_BYTES) -> str:
    with pytest.raises(PixelError) as caught:
        render_frame(dataset, frame_number, limit_bytes=limit_bytes)
    return caught.value.reason


def expected_shade(value: float, center: float, width: float, function: str) -> float:
    """The pseudocode of PS3.3 C.11.2.1.2 and C.11.2.1.3, for an output of 0 .. 255."""
    if function == "SIGMOID":
        return 127.5 * (1 + math.tanh(2 * (value - center) / width))
    offset, shrink = (0.5, 1) if function == "LINEAR" else (0, 0)
    if value <= center - offset - (width - shrink) / 2:
        return 0
    if value > center - offset + (width - shrink) / 2:
        return 255
    return ((value - (center - offset)) / (width - shrink) + 0.5) * 255


@st.composite
def grey_images(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    bits = draw(st.integers(1, 16))
    signed = draw(st.booleans()) and bits > 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    values = draw(st.lists(st.integers(low, high), min_size=1, max_size=40))
    dtype = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    header = {
        "BitsStored": bits,
        "HighBit": bits - 1,
        "RescaleSlope": draw(st.sampled_from([1, 2, 0.5, -1])),
        "RescaleIntercept": draw(st.sampled_from([0, -1024, 7.5])),
        "WindowCenter": draw(st.integers(-2000, 70000)),
        "WindowWidth": draw(st.integers(2, 70000)),
        "VOILUTFunction": draw(st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"])),
        "PhotometricInterpretation": draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"])),
    }
    return np.array([values], dtype), header


@settings(max_examples=200, deadline=None)
@given(case=grey_images())
def test_every_depth_sign_and_window_follows_the_standard(
    case: tuple[np.ndarray, dict[str, Any]],
) -> None:
    stored, header = case
    frame = render(image(stored, **header))
    center, width = header["WindowCenter"], header["WindowWidth"]
    assert frame.window == WindowUsed(center, width, "header")
    for value, shade in zip(stored.flat, frame.pixels.flat, strict=True):
        modality = float(value) * header["RescaleSlope"] + header["RescaleIntercept"]
        wanted = expected_shade(modality, center, width, header["VOILUTFunction"])
        if header["PhotometricInterpretation"] == "MONOCHROME1":
            wanted = 255 - wanted
        assert abs(wanted - shade) <= 0.5 + 1e-6


def test_large_and_small_frames_take_the_same_shades() -> None:
    wide = np.linspace(-1000, 3000, 20, dtype=np.int16).reshape(4, 5)
    header = {"WindowCenter": 40, "WindowWidth": 400, "RescaleIntercept": -24, "RescaleSlope": 1}
    few = render(image(wide, **header)).pixels
    many = render(image(np.tile(wide, (40, 40)), **header)).pixels
    assert np.array_equal(many, np.tile(few, (40, 40)))


@pytest.mark.parametrize(("value", "shade"), [(99, 0), (100, 255)])
def test_a_window_of_one_is_a_threshold(value: int, shade: int) -> None:
    stored = np.full((2, 2), value, np.uint8)
    assert render(image(stored, WindowCenter=100, WindowWidth=1)).pixels[0, 0] == shade


def test_the_first_of_several_windows_counts() -> None:
    stored = np.array([[0, 100, 200]], np.uint8)
    frame = render(image(stored, WindowCenter=[100, 50], WindowWidth=[201, 10]))
    assert frame.window == WindowUsed(100, 201, "header")


def lut(first: int, values: list[int], bits: int = 16) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(values), first, bits])
    item.add_new("LUTData", "US", values)
    return item


def test_a_voi_lut_outranks_the_window() -> None:
    stored = np.array([[9, 10, 11, 12, 99]], np.uint8)
    voi = [lut(10, [0, 32768, 65535])]
    frame = render(image(stored, VOILUTSequence=voi, WindowCenter=1, WindowWidth=2))
    assert frame.pixels.tolist() == [[0, 0, 128, 255, 255]]
    assert frame.window == WindowUsed(11.0, 3, "lut")


def test_a_voi_lut_may_start_below_zero() -> None:
    stored = np.array([[-3, -2, -1, 0]], np.int16)
    frame = render(image(stored, VOILUTSequence=[lut(-2, [0, 255, 510], 9)]))
    assert frame.pixels.tolist() == [[0, 0, 127, 255]]


def test_a_modality_lut_comes_before_the_window() -> None:
    stored = np.array([[0, 1, 2]], np.uint8)
    modality = [lut(0, [0, 1000, 50])]
    dataset = image(stored, ModalityLUTSequence=modality, WindowCenter=500.5, WindowWidth=1001)
    assert render(dataset).pixels.tolist() == [[0, 255, 13]]


def test_a_lut_shorter_than_it_says_is_unreadable() -> None:
    item = lut(0, [1, 2])
    item.LUTDescriptor = [4000, 0, 16]
    dataset = image(np.zeros((2, 2), np.uint8), VOILUTSequence=[item])
    assert reason(dataset) == "pixels-unreadable"


class TestPadding:
    def test_it_is_black_and_leaves_the_derived_window_alone(self) -> None:
        stored = np.full((20, 20), -2000, np.int16)
        stored[5:15, 5:15] = np.arange(100).reshape(10, 10)
        frame = render(image(stored, PixelPaddingValue=-2000))
        assert frame.window is not None
        assert frame.window.source == "derived"
        assert frame.window.center == pytest.approx(49.5)
        assert frame.pixels[0, 0] == 0
        assert frame.pixels[14, 14] == 255

    def test_it_is_black_in_an_inverted_image_too(self) -> None:
        stored = np.array([[0, 0], [10, 20]], np.uint8)
        dataset = image(stored, PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1")
        assert render(dataset).pixels[0].tolist() == [0, 0]

    def test_a_value_written_with_the_wrong_sign_is_understood(self) -> None:
        dataset = image(np.array([[-2000, 5, 9]], np.int16))
        dataset.add_new("PixelPaddingValue", "US", 63536)
        frame = render_frame(dataset, limit_bytes=LIMIT_BYTES)
        assert frame.window is not None
        assert frame.window.center == pytest.approx(7)

    def test_a_range_ends_at_its_limit(self) -> None:
        stored = np.array([[0, 5, 9, 10]], np.uint8)
        header = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 5}
        frame = render(image(stored, WindowCenter=0, WindowWidth=2, **header))
        assert frame.pixels.tolist() == [[0, 0, 255, 255]]


def test_an_image_of_one_value_is_neither_black_nor_an_error() -> None:
    frame = render(image(np.full((4, 4), 700, np.uint16)))
    assert frame.window == WindowUsed(700, 1, "derived")
    assert set(frame.pixels.flat) == {128}


def test_presentation_lut_shape_outranks_monochrome1() -> None:
    stored = np.array([[0, 255]], np.uint8)
    header = {"WindowCenter": 128, "WindowWidth": 256, "PhotometricInterpretation": "MONOCHROME1"}
    assert render(image(stored, **header)).pixels.tolist() == [[255, 0]]
    upright = image(stored, **header, PresentationLUTShape="IDENTITY")
    assert render(upright).pixels.tolist() == [[0, 255]]


def test_float_pixels_render_and_their_nans_are_black() -> None:
    dataset = image(np.zeros((2, 2), np.uint32))
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.FloatPixelData = np.array([math.nan, 0, 0.5, 1], np.float32).tobytes()
    assert render(dataset).pixels.tolist() == [[0, 0], [128, 255]]


class TestMultiFrame:
    def enhanced(self) -> Dataset:
        dataset = image(np.array([[10, 20], [10, 20]], np.uint8), NumberOfFrames=2)
        dataset.Rows, dataset.Columns = 1, 2
        shared, shift, window = Dataset(), Dataset(), Dataset()
        shift.RescaleSlope, shift.RescaleIntercept, shift.RescaleType = 1, 0, "US"
        window.WindowCenter, window.WindowWidth, window.VOILUTFunction = 15, 10, "LINEAR_EXACT"
        shared.PixelValueTransformationSequence = [shift]
        shared.FrameVOILUTSequence = [window]
        second, own_shift = Dataset(), Dataset()
        own_shift.RescaleSlope, own_shift.RescaleIntercept, own_shift.RescaleType = 1, -5, "US"
        second.PixelValueTransformationSequence = [own_shift]
        dataset.SharedFunctionalGroupsSequence = [shared]
        dataset.PerFrameFunctionalGroupsSequence = [Dataset(), second]
        return dataset

    def test_a_frame_takes_its_own_group_then_the_shared_one(self) -> None:
        dataset = self.enhanced()
        assert render(dataset, 1).pixels.tolist() == [[0, 255]]
        assert render(dataset, 2).pixels.tolist() == [[0, 128]]

    @pytest.mark.parametrize("frame_number", [0, 3, -1])
    def test_a_frame_that_does_not_exist_is_unreadable(self, frame_number: int) -> None:
        assert reason(self.enhanced(), frame_number) == "pixels-unreadable"


class TestColour:
    def test_deep_rgb_is_brought_to_eight_bits(self) -> None:
        stored = np.array([[[0, 2048, 4095]]], np.uint16)
        frame = render(image(stored, BitsStored=12, HighBit=11))
        assert frame.pixels.tolist() == [[[0, 128, 255]]]
        assert frame.window is None

    def test_planes_and_pixels_give_the_same_picture(self) -> None:
        stored = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        planar = image(stored, PlanarConfiguration=1)
        planar.PixelData = stored.transpose(2, 0, 1).tobytes()
        assert np.array_equal(render(planar).pixels, stored)

    def test_ybr_comes_back_as_rgb(self) -> None:
        stored = np.full((2, 2, 3), 128, np.uint8)
        stored[0, 0] = (76, 85, 255)
        frame = render(image(stored, PhotometricInterpretation="YBR_FULL"))
        assert np.abs(frame.pixels[0, 0].astype(int) - [255, 0, 0]).max() <= 2
        assert frame.pixels[1, 1].tolist() == [128, 128, 128]

    def test_a_palette_is_looked_up(self) -> None:
        dataset = image(np.array([[0, 1]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
        for colour, entries in {"Red": (0, 0xFFFF), "Green": (0x8000, 0), "Blue": (1, 2)}.items():
            prefix = f"{colour}PaletteColorLookupTable"
            setattr(dataset, f"{prefix}Descriptor", [2, 0, 16])
            setattr(dataset, f"{prefix}Data", np.array(entries, "<u2").tobytes())
        assert render(dataset).pixels.tolist() == [[[0, 128, 0], [255, 0, 0]]]

    def test_four_samples_are_no_image(self) -> None:
        dataset = image(np.zeros((2, 2, 3), np.uint8), SamplesPerPixel=4)
        assert reason(dataset) == "pixels-unreadable"


class TestBounds:
    def test_a_header_that_claims_gigabytes_is_refused_first(self) -> None:
        dataset = image(np.zeros((2, 2), np.uint16), Rows=65535, Columns=65535)
        assert reason(dataset) == "image-too-large"

    def test_the_limit_itself_is_allowed(self) -> None:
        dataset = image(np.zeros((8, 8), np.uint16))
        assert render_frame(dataset, limit_bytes=128).pixels.shape == (8, 8)
        assert reason(dataset, limit_bytes=127) == "image-too-large"

    @pytest.mark.parametrize(
        ("name", "size_field"),
        [("693_J2KI.dcm", b"\xff\x4f\xff\x51"), ("SC_rgb_jpeg_dcmtk.dcm", b"\xff\xc0")],
        ids=["jpeg-2000", "jpeg"],
    )
    def test_a_codestream_larger_than_its_header_is_refused(
        self, name: str, size_field: bytes
    ) -> None:
        blob = bytearray(wheel_file(name))
        at = blob.index(size_field)
        # Width and height follow the marker: after 8 bytes in JPEG 2000, after 5 in JPEG.
        if size_field[-1] == 0x51:
            blob[at + 8 : at + 16] = b"\x00\x00\xff\xff" * 2
        else:
            blob[at + 5 : at + 9] = b"\xff" * 4
        assert reason(read_instance(bytes(blob))) == "image-too-large"

    @pytest.mark.parametrize("syntax", [JPEG2000, JPEGBaseline8Bit])
    def test_noise_for_a_codestream_is_unreadable(self, syntax: str) -> None:
        dataset = image(np.zeros((8, 8), np.uint8))
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0abcd"
        assert reason(dataset) == "pixels-unreadable"

    @pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.102", "1.2.3.4"])
    def test_a_syntax_without_a_decoder_is_unsupported(self, syntax: str) -> None:
        dataset = image(np.zeros((8, 8), np.uint8))
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0abcd"
        assert reason(dataset) == "transfer-syntax-unsupported"


HOSTILE = {
    "WindowWidth": [-5, 0, math.inf],
    "WindowCenter": [math.nan],
    "RescaleSlope": [math.nan, math.inf],
    "VOILUTFunction": ["SIDEWAYS"],
    "NumberOfFrames": [-3],
    "BitsAllocated": [0, 7, 64],
    "BitsStored": [0, 99],
    "PhotometricInterpretation": ["", "PALETTE COLOR", "XYZ"],
    "PixelRepresentation": [7],
}


@pytest.mark.parametrize(
    ("keyword", "value"), [(k, v) for k, values in HOSTILE.items() for v in values]
)
@pytest.mark.filterwarnings("ignore")
def test_a_senseless_value_gives_pixels_or_a_reason(keyword: str, value: object) -> None:
    dataset = image(np.arange(64, dtype=np.uint8).reshape(8, 8), WindowCenter=30, WindowWidth=60)
    setattr(dataset, keyword, value)
    try:
        frame = render_frame(dataset, limit_bytes=LIMIT_BYTES)
    except PixelError as error:
        outcome = error.reason
    else:
        outcome = str(frame.pixels.dtype)
    assert outcome in {"uint8", "pixels-unreadable"}
