"""Colour images: palettes (PS3.3 C.7.9) and RGB of any depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

from wetread.core.pixels.lookup import table_entries

_COLOURS = ("Red", "Green", "Blue")
_SEGMENTED = "SegmentedRedPaletteColorLookupTableData"
_BYTE = 255
_WORD = 65535


def palette_to_rgb(stored: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.uint8]:
    """Look ``stored`` up in the image's palette; shape (rows, columns) becomes (…, 3).

    Each value between the lowest and the highest is looked up once.
    """
    low, high = int(stored.min()), int(stored.max())
    values = np.arange(low, high + 1)
    if _SEGMENTED in header:
        if not header.original_encoding[1] and header.RedPaletteColorLookupTableDescriptor[2] == 8:
            raise ValueError("segments of bytes are read in little endian only")
        entries: npt.NDArray[Any] = apply_color_lut(values, header)
    else:
        entries = np.stack([_looked_up(values, header, name) for name in _COLOURS], axis=-1)
    # Some palettes of 16 bits hold values of 8.
    highest = _WORD if entries.max() > _BYTE else _BYTE
    table = np.rint(entries / highest * _BYTE).astype(np.uint8)
    index = stored if low == 0 else np.subtract(stored, low, dtype=np.intp)
    rgb: npt.NDArray[np.uint8] = table[index]
    return rgb


def _looked_up(values: npt.NDArray[Any], header: Dataset, colour: str) -> npt.NDArray[np.uint16]:
    prefix = f"{colour}PaletteColorLookupTable"
    first, entries = table_entries(
        header[f"{prefix}Descriptor"].value,
        header[f"{prefix}Data"].value,
        is_little_endian=bool(header.original_encoding[1]),
        is_signed=header.get("PixelRepresentation") == 1,
    )
    looked_up: npt.NDArray[np.uint16] = entries[np.clip(values - first, 0, len(entries) - 1)]
    return looked_up


def rgb_to_8_bit(pixels: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.uint8]:
    """Bring RGB samples of any depth to 8 bits."""
    bits = int(header.BitsStored)
    if bits == 8:
        return pixels.astype(np.uint8, copy=False)
    levels: npt.NDArray[np.float64] = np.rint(pixels / (2**bits - 1) * _BYTE)
    return levels.astype(np.uint8)
