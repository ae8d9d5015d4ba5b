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


def native_frame(dataset: Dataset, frame_number: int) -> npt.NDArray[Any] | None:
    """Return a grey or palette frame that lies uncompressed in the data set.

    None for anything else, also for a data set that ends too early: the general decoder says why.
    Bits above BitsStored are not part of the value (PS3.5 section 8.1.1).

    Parameters
    ----------
    frame_number : starts at 1
    """
    kind = (dataset.BitsAllocated, dataset.get("PixelRepresentation"))
    is_plain = dataset.SamplesPerPixel == 1 and "PixelData" in dataset and kind in _DTYPES
    if not is_plain or dataset.file_meta.TransferSyntaxUID not in _LITTLE_ENDIAN:
        return None
    rows, columns, dtype = dataset.Rows, dataset.Columns, np.dtype(_DTYPES[kind])
    offset = (frame_number - 1) * rows * columns * dtype.itemsize
    if len(dataset.PixelData) < offset + rows * columns * dtype.itemsize:
        return None
    values = np.frombuffer(dataset.PixelData, dtype, rows * columns, offset)
    unused_bits = dataset.BitsAllocated - dataset.BitsStored
    if unused_bits:
        values = np.right_shift(np.left_shift(values, unused_bits), unused_bits)
    return values.reshape(rows, columns)
