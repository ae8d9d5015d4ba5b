"""The images that come with pydicom: what each gives, and that highdicom agrees."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from tests.core.pixels.cases import LIMIT_BYTES, wheel_files

from wetread.core.pixels.attributes import display_attributes
from wetread.core.pixels.decoding import decode_frame
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.padding import padding_of
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame

FAILING = {
    "test_files/JPEG-lossy.dcm": "transfer-syntax-unsupported",
    "test_files/JPGExtended.dcm": "transfer-syntax-unsupported",
    "test_files/JPEG2000-embedded-sequence-delimiter.dcm": "image-too-large",
    "test_files/MR_truncated.dcm": "pixels-unreadable",
    "test_files/badVR.dcm": "pixels-unreadable",
    "test_files/meta_missing_tsyntax.dcm": "pixels-unreadable",
    "test_files/nested_priv_SQ.dcm": "pixels-unreadable",
}
"""Images that give none: 12-bit JPEG, a codestream damaged in its size, and headers without sense.

The last two hold an element with the tag of Pixel Data and nothing that describes an image.
"""


@pytest.mark.filterwarnings("ignore")
def test_every_file_gives_pixels_or_its_reason() -> None:
    failing, rendered = {}, Counter[str]()
    for name, blob in wheel_files():
        try:
            frame = render_frame(read_instance(blob), limit_bytes=LIMIT_BYTES)
        except PixelError as error:
            rendered[error.reason] += 1
            if error.reason not in {"not-dicom", "no-pixel-data"}:
                failing[name] = error.reason
        else:
            rendered["analysed"] += 1
            assert frame.pixels.dtype == np.uint8, name
            assert frame.pixels.ndim in (2, 3), name
    assert failing == FAILING
    assert rendered["analysed"] >= 100


@pytest.mark.filterwarnings("ignore")
def test_windowed_images_agree_with_highdicom() -> None:
    from highdicom import Image

    compared = 0
    for name, blob in wheel_files():
        try:
            dataset = read_instance(blob)
            ours = render_frame(dataset, limit_bytes=LIMIT_BYTES)
        except PixelError:
            continue
        if ours.window is None or ours.window.source == "derived":
            continue
        if not dataset.file_meta.TransferSyntaxUID.is_little_endian:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = Image.from_dataset(dataset).get_frame(
                1, apply_voi_transform=True, voi_output_range=(0, 255)
            )
        stored = decode_frame(dataset, 1, limit_bytes=LIMIT_BYTES)
        padding = padding_of(display_attributes(dataset, 1))
        shown = np.ones(stored.shape, bool) if padding is None else ~padding.mask(stored)
        difference = np.abs(ours.pixels.astype(float) - theirs)[shown]
        # highdicom takes the half and the one of LINEAR in stored values instead of rescaled ones.
        slope = float(dataset.get("RescaleSlope", 1))
        unit = 255 * abs(1 - slope) / float(ours.window.width)
        assert difference.max() <= 0.5 + unit + 1e-9, name
        compared += 1
    assert compared >= 40
