"""Colour images: palettes (PS3.3 C.7.9) and RGB of any depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

_BYTE = 255


def palette_to_rgb(stored: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.uint8]:
    """Look ``stored`` up in the image's palette; shape (rows, columns) becomes (…, 3)."""
    rgb: npt.NDArray[Any] = apply_color_lut(stored, header)
    if rgb.dtype == np.uint16 and rgb.max() > _BYTE:  # some 16-bit palettes hold 8-bit values
        rgb = rgb >> 8
    return rgb.astype(np.uint8)


def rgb_to_8_bit(pixels: npt.NDArray[Any], header: Dataset) -> npt.NDArray[np.uint8]:
    """Bring RGB samples of any depth to 8 bits."""
    bits = int(header.BitsStored)
    if bits == 8:
        return pixels.astype(np.uint8)
    levels: npt.NDArray[np.float64] = np.rint(pixels / (2**bits - 1) * _BYTE)
    return levels.astype(np.uint8)
