"""Frames that are not compressed, without the detour through a general decoder.

pydicom's decoder handles them, too, at the price of a quarter of a CT slice's whole rendering: it
prepares every option of every transfer syntax for each frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

_LITTLE_ENDIAN = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
)
_DTYPES = {(8, 0): "u1", (8, 1): "i1", (16, 0): "<u2", (16, 1): "<i2"}
"""By BitsAllocated (0028,0100) and PixelRepresentation (0028,0103)."""
_BIG_ENDIAN_DTYPES = {**_DTYPES, (16, 0): ">u2", (16, 1): ">i2"}
_WORDS = "OW"
"""A value representation in which a big endian file swaps bytes, too (PS3.5 section 7.3)."""
_PLANES = 1


def native_frame(dataset: Dataset, frame_number: int) -> npt.NDArray[Any] | None:
    """Return a grey, palette or 8-bit RGB frame that lies uncompressed in the data set.

    None for anything else, also for a data set that ends too early: the general decoder says why.

    Parameters
    ----------
    frame_number : starts at 1
    """
    if "PixelData" not in dataset:
        return None
    if dataset.BitsAllocated == 1:
        return _single_bits(dataset, frame_number)
    dtype, samples = _dtype(dataset), dataset.SamplesPerPixel
    if dtype is None or (samples > 1 and not _is_plain_rgb(dataset)):
        return None
    count = dataset.Rows * dataset.Columns * samples
    offset = (frame_number - 1) * count * dtype.itemsize
    if len(dataset.PixelData) < offset + count * dtype.itemsize:
        return None
    values = np.frombuffer(dataset.PixelData, dtype, count, offset)
    return _shaped(_without_other_bits(values, dataset), dataset)


def _shaped(values: npt.NDArray[Any], dataset: Dataset) -> npt.NDArray[Any]:
    rows, columns, samples = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    if samples == 1:
        return values.reshape(rows, columns)
    if dataset.get("PlanarConfiguration") == _PLANES:
        return values.reshape(samples, rows, columns).transpose(1, 2, 0)
    return values.reshape(rows, columns, samples)


def _single_bits(dataset: Dataset, frame_number: int) -> npt.NDArray[Any] | None:
    """Unpack a frame of which eight pixels lie in a byte; frames follow without a gap."""
    is_swapped = dataset["PixelData"].VR == _WORDS
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax not in _LITTLE_ENDIAN and (syntax != ExplicitVRBigEndian or is_swapped):
        return None
    count = dataset.Rows * dataset.Columns
    first_byte, skipped = divmod((frame_number - 1) * count, 8)
    last_byte = first_byte + (skipped + count + 7) // 8
    held = np.frombuffer(dataset.PixelData[first_byte:last_byte], np.uint8)
    bits = np.unpackbits(held, bitorder="little")[skipped : skipped + count]
    if dataset.SamplesPerPixel != 1 or len(bits) < count:
        return None
    return bits.reshape(dataset.Rows, dataset.Columns)


def _dtype(dataset: Dataset) -> np.dtype[Any] | None:
    kind = (dataset.BitsAllocated, dataset.get("PixelRepresentation"))
    if not 1 <= dataset.BitsStored <= dataset.BitsAllocated:
        return None
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _LITTLE_ENDIAN and kind in _DTYPES:
        return np.dtype(_DTYPES[kind])
    if syntax != ExplicitVRBigEndian or kind not in _BIG_ENDIAN_DTYPES:
        return None
    if dataset.BitsAllocated > 8 or dataset["PixelData"].VR != _WORDS:
        return np.dtype(_BIG_ENDIAN_DTYPES[kind])
    return None


def _is_plain_rgb(dataset: Dataset) -> bool:
    bits = (dataset.BitsAllocated, dataset.BitsStored, dataset.PixelRepresentation)
    return dataset.PhotometricInterpretation == "RGB" and bits == (8, 8, 0)


def _without_other_bits(values: npt.NDArray[Any], dataset: Dataset) -> npt.NDArray[Any]:
    """Keep the bits of the value, up to HighBit (0028,0102), and give it its sign.

    Other bits may hold overlays (PS3.5 section 8.1.1, and its retired annexes for values that do
    not start at the lowest bit).
    """
    allocated, stored = dataset.BitsAllocated, dataset.BitsStored
    high_bit = dataset.get("HighBit") or stored - 1
    above = allocated - 1 - high_bit if stored <= high_bit + 1 <= allocated else allocated - stored
    if stored < allocated:
        values = np.right_shift(np.left_shift(values, above), allocated - stored)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
