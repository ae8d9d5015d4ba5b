"""Whatever a header describes, the picture is what the formulas of the standard make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
)
from tests.core.pixels.cases import LIMIT_BYTES, image
from tests.core.pixels.colour_headers import (
    palette_images,
    subsampled_images,
    true_colour_images,
)
from tests.core.pixels.formulas import expected_picture
from tests.core.pixels.headers import (
    NATIVE_SYNTAXES,
    SIDES,
    Array,
    grey_images,
    stored_values,
    through_a_file,
    windows,
)

from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.rendering import render_frame

SYNTAXES = st.sampled_from(NATIVE_SYNTAXES)
MANY = settings(max_examples=250, deadline=None)
FEW = settings(max_examples=60, deadline=None)


def check(dataset: Dataset, allowed: float = 0.5) -> None:
    """Compare every frame with the formulas; half a shade is what rounding takes."""
    for number in range(1, int(dataset.get("NumberOfFrames", 1)) + 1):
        ours = render_frame(dataset, number, limit_bytes=LIMIT_BYTES).pixels
        difference = np.abs(ours - expected_picture(dataset, number))
        assert difference.max() <= allowed + 1e-6


@MANY
@given(dataset=grey_images(), syntax=SYNTAXES)
def test_grey_of_any_depth_sign_and_transformation(dataset: Dataset, syntax: str) -> None:
    check(through_a_file(dataset, syntax))


@FEW
@given(dataset=true_colour_images(), syntax=SYNTAXES)
def test_true_colour_by_pixel_and_by_plane(dataset: Dataset, syntax: str) -> None:
    check(through_a_file(dataset, syntax), allowed=1)


@FEW
@given(dataset=subsampled_images(), syntax=SYNTAXES)
def test_colour_that_neighbours_share(dataset: Dataset, syntax: str) -> None:
    check(through_a_file(dataset, syntax), allowed=1)


@FEW
@given(dataset=palette_images(), syntax=SYNTAXES)
def test_palettes_whole_and_in_segments(dataset: Dataset, syntax: str) -> None:
    check(through_a_file(dataset, syntax), allowed=1)


@FEW
@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32) | st.just(float("nan")), min_size=2, max_size=9),
    keyword=st.sampled_from(["FloatPixelData", "DoubleFloatPixelData"]),
    window=st.none() | windows(),
    padding=st.none() | st.integers(0, 8),
    syntax=SYNTAXES,
)
def test_floating_point(
    values: list[float],
    keyword: str,
    window: dict[str, Any] | None,
    padding: int | None,
    syntax: str,
) -> None:
    dtype = "<f4" if keyword == "FloatPixelData" else "<f8"
    pixels = np.array([[*values, 1.0]], dtype)
    dataset = image(pixels.view(f"<u{pixels.itemsize}"), **(window or {}))
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    setattr(dataset, keyword, pixels.tobytes())
    if padding is not None:
        value = pixels[0, padding % pixels.size]
        setattr(dataset, f"{keyword.removesuffix('PixelData')}PixelPaddingValue", float(value))
    check(through_a_file(dataset, syntax))


@FEW
@given(
    stored=stored_values(32, 32, is_signed=False) | stored_values(32, 32, is_signed=True),
    window=st.none() | windows(),
    syntax=SYNTAXES,
)
def test_32_bits(stored: Array, window: dict[str, Any] | None, syntax: str) -> None:
    check(through_a_file(image(stored, **(window or {})), syntax))


@FEW
@given(rows=SIDES, columns=SIDES, frames=st.integers(1, 3), data=st.data(), syntax=SYNTAXES)
def test_single_bits(
    rows: int, columns: int, frames: int, data: st.DataObject, syntax: str
) -> None:
    """Frames follow each other without a gap, so that most begin within a byte (PS3.5 8.1.1)."""
    shape = (frames, rows, columns)
    bits = data.draw(npst.arrays(np.uint8, shape, elements=st.integers(0, 1)))
    header: dict[str, Any] = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    header |= {"WindowCenter": 0.5, "WindowWidth": 1, "VOILUTFunction": "LINEAR_EXACT"}
    dataset = image(bits[0], NumberOfFrames=frames, **header)
    packed = np.packbits(bits, bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset = through_a_file(dataset, syntax)
    for number in range(1, frames + 1):
        ours = render_frame(dataset, number, limit_bytes=LIMIT_BYTES).pixels
        assert np.array_equal(ours, bits[number - 1] * 255)


GROUPS = st.fixed_dictionaries(
    {},
    optional={
        "PixelValueTransformationSequence": st.builds(
            lambda slope, intercept: {
                "RescaleSlope": slope,
                "RescaleIntercept": intercept,
                "RescaleType": "US",
            },
            st.sampled_from([1, 2, 0.730713]),
            st.sampled_from([0, -1024, 7.31]),
        ),
        "FrameVOILUTSequence": windows(),
    },
)


@FEW
@given(
    frames=st.lists(stored_values(12, 16, is_signed=False), min_size=1, max_size=3),
    shared=GROUPS,
    per_frame=st.lists(GROUPS, min_size=3, max_size=3),
    top=st.just({}) | windows() | st.just({"PresentationLUTShape": "INVERSE"}),
    syntax=SYNTAXES,
)
def test_functional_groups(
    frames: list[Array],
    shared: dict[str, Any],
    per_frame: list[dict[str, Any]],
    top: dict[str, Any],
    syntax: str,
) -> None:
    """A frame's own group counts before the shared one, and that before the top level."""
    stored = [np.resize(frame, frames[0].shape) for frame in frames]
    dataset = image(stored[0], BitsStored=12, HighBit=11, NumberOfFrames=len(frames), **top)
    dataset.PixelData = b"".join(frame.tobytes() for frame in stored)
    dataset.SharedFunctionalGroupsSequence = [group(shared)]
    dataset.PerFrameFunctionalGroupsSequence = [group(own) for own in per_frame[: len(frames)]]
    check(through_a_file(dataset, syntax))


def group(macros: dict[str, dict[str, Any]]) -> Dataset:
    item = Dataset()
    for name, attributes in macros.items():
        macro = Dataset()
        for keyword, value in attributes.items():
            setattr(macro, keyword, value)
        setattr(item, name, [macro])
    return item


@settings(max_examples=150, deadline=None)
@given(
    dataset=grey_images() | true_colour_images() | palette_images(),
    absent=st.sets(st.integers(0, 40), min_size=1, max_size=4),
)
@pytest.mark.filterwarnings("ignore")
def test_missing_attributes_give_a_picture_or_a_reason(dataset: Dataset, absent: set[int]) -> None:
    keywords = [element.keyword for element in dataset if element.tag.group == 0x0028]
    for index in absent:
        dataset.pop(keywords[index % len(keywords)], None)
    try:
        outcome = str(render_frame(dataset, limit_bytes=LIMIT_BYTES).pixels.dtype)
    except PixelError as error:
        outcome = error.reason
    assert outcome in {"uint8", "pixels-unreadable"}


@pytest.mark.parametrize(
    ("sop_class", "relationship", "shades"),
    [
        (XRayAngiographicImageStorage, "LOG", [0, 128, 255]),
        (XRayRadiofluoroscopicImageStorage, "DISP", [0, 128, 255]),
        (XRayAngiographicImageStorage, "LIN", [255, 51, 0]),
        (CTImageStorage, "LOG", [255, 51, 0]),
    ],
)
def test_fluoroscopy_is_seen_as_it_is_stored(
    sop_class: str, relationship: str, shades: list[int]
) -> None:
    """Its Modality LUT leads back to the intensity of the X-rays (PS3.4 figure N.2-1)."""
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [256, 0, 8])
    table.add_new("LUTData", "US", [255] * 128 + [51] * 127 + [0])
    dataset = image(np.array([[0, 128, 255]], np.uint8), ModalityLUTSequence=[table])
    dataset.set_original_encoding(False, True)
    dataset.WindowCenter, dataset.WindowWidth = 128, 256
    dataset.SOPClassUID, dataset.PixelIntensityRelationship = sop_class, relationship
    ours = render_frame(dataset, limit_bytes=LIMIT_BYTES).pixels
    assert ours.tolist() == [shades]
