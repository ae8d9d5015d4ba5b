"""Images of every shape that a header can describe, for Hypothesis to choose from."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from tests.core.pixels.cases import image

Array = np.ndarray[Any, Any]

NATIVE_SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
SIDES = st.integers(1, 7)
"""Odd sizes of one byte a pixel make frames that begin within a word."""


def through_a_file(dataset: Dataset, syntax: str) -> Dataset:
    """Write and read a data set in one of the transfer syntaxes without compression."""
    dataset.file_meta.TransferSyntaxUID = syntax
    is_little_endian = syntax != ExplicitVRBigEndian
    if "PixelData" in dataset:
        is_wide = dataset.BitsAllocated > 8
        dataset["PixelData"].VR = "OW" if is_wide or syntax == ImplicitVRLittleEndian else "OB"
    if not is_little_endian:
        _swap(dataset)
    stream = BytesIO()
    pydicom.dcmwrite(
        stream,
        dataset,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=is_little_endian,
        enforce_file_format=True,
    )
    return pydicom.dcmread(BytesIO(stream.getvalue()))


def _swap(dataset: Dataset) -> None:
    """Turn the words of bulk data around; pydicom writes bytes as they are."""
    for element in dataset.iterall():
        if element.keyword == "PixelData":
            words = f"<u{max(dataset.BitsAllocated // 8, 1)}"
        elif element.VR in ("OW", "OF", "OD"):
            words = {"OW": "<u2", "OF": "<u4", "OD": "<u8"}[element.VR]
        else:
            continue
        element.value = np.frombuffer(element.value, words).byteswap().tobytes()


@st.composite
def stored_values(draw: st.DrawFn, bits: int, allocated: int, is_signed: bool) -> Array:
    """Draw stored values that use all of their bits."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    rows, columns = draw(SIDES), draw(SIDES)
    count = rows * columns
    values = draw(st.lists(st.integers(low, high), min_size=count, max_size=count))
    dtype = f"{'i' if is_signed else 'u'}{allocated // 8}"
    return np.array(values, dtype).reshape(rows, columns)


@st.composite
def lookup_table(draw: st.DrawFn, lowest: int, highest: int) -> Dataset:
    """Draw a table that begins between two inputs, of 8 or 16 bits."""
    bits = draw(st.sampled_from([8, 12, 16]))
    values = draw(st.lists(st.integers(0, 2**bits - 1), min_size=2, max_size=30))
    first = draw(st.integers(max(lowest, -(2**15)), min(highest, 2**16 - 1)))
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(values), first, bits])
    if draw(st.booleans()):
        item.add_new("LUTData", "OW", np.array(values, "<u2").tobytes())
    else:
        item.add_new("LUTData", "US", values)
    return item


def windows() -> st.SearchStrategy[dict[str, Any]]:
    """Windows, one or several, of which one may lack its width."""
    centers = st.floats(-3000, 70000).map(lambda value: round(value, 2))
    widths = st.floats(1, 70000).map(lambda value: round(value, 2))
    function = st.sampled_from([None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
    return st.builds(
        lambda center, width, function: {
            "WindowCenter": center,
            "WindowWidth": width,
            **({"VOILUTFunction": function} if function else {}),
        },
        centers | st.lists(centers, min_size=1, max_size=4),
        widths | st.lists(widths, min_size=1, max_size=3),
        function,
    )


@st.composite
def grey_images(draw: st.DrawFn) -> Dataset:
    """Draw a grey image of 8 or 16 bits allocated with any of the steps to its picture."""
    allocated = draw(st.sampled_from([8, 16]))
    bits = draw(st.integers(1, allocated))
    is_signed = draw(st.booleans()) and bits > 1
    stored = draw(stored_values(bits, allocated, is_signed))
    high_bit = draw(st.integers(bits - 1, allocated - 1))
    header: dict[str, Any] = {"BitsStored": bits, "HighBit": high_bit}
    shape = draw(st.sampled_from([None, "IDENTITY", "INVERSE"]))
    if shape:
        header["PresentationLUTShape"] = shape
    header["PhotometricInterpretation"] = draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"]))
    low = -(2 ** (bits - 1)) if is_signed else 0
    modality = draw(st.sampled_from(["none", "rescale", "table"]))
    if modality == "rescale":
        # No halves: a table rounds its input, and the standard does not say which way they go.
        header["RescaleSlope"] = draw(st.sampled_from([1, 2, 0.730713, -1]))
        header["RescaleIntercept"] = draw(st.sampled_from([0, -1024, 7.31]))
    if modality == "table":
        header["ModalityLUTSequence"] = [draw(lookup_table(low, low + 2**bits - 1))]
    voi = draw(st.sampled_from(["none", "window", "table", "both"]))
    if voi in ("window", "both"):
        header |= draw(windows())
    if voi in ("table", "both"):
        lowest = low if modality == "none" else 0
        header["VOILUTSequence"] = [draw(lookup_table(lowest, lowest + 2**bits - 1))]
    padding = draw(st.sampled_from(["none", "value", "range"]))
    dataset = image(stored, **header)
    kind = "SS" if is_signed else "US"
    values = st.sampled_from(sorted({int(value) for value in stored.flat}))
    if padding != "none":
        dataset.add_new("PixelPaddingValue", kind, draw(values))
    if padding == "range":
        dataset.add_new("PixelPaddingRangeLimit", kind, draw(values))
    shifted = (stored.astype(np.int64) & (2**bits - 1)) << (high_bit + 1 - bits)
    # Bits that are no part of the value may hold anything, such as overlays.
    noise = draw(st.integers(0, 2**allocated - 1)) & ~((2**bits - 1) << (high_bit + 1 - bits))
    pixels = (shifted | noise).astype(f"<u{allocated // 8}").tobytes()
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return dataset
