"""Stored pixel values as 8-bit grey or RGB, in the way the file itself asks for.

Source: DICOM PS3.3 sections C.11.1 (modality LUT), C.11.2 (VOI LUT and window) and C.7.6.3.1.2
(photometric interpretation)
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi

_WHITE = 255


def displayed(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return one frame for display.

    Parameters
    ----------
    pixels
        Shape (rows, columns) or (rows, columns, 3), RGB if it is colour.
    """
    photometric = dataset.get("PhotometricInterpretation")
    if photometric == "PALETTE COLOR":
        colours = apply_color_lut(pixels, dataset)
        # Palettes are 16 bits deep unless they say 8.
        return (colours >> 8 * (colours.dtype.itemsize - 1)).astype(np.uint8)
    if pixels.ndim == 3:
        excess_bits = max(0, int(dataset.BitsStored) - 8)
        return (pixels >> excess_bits).astype(np.uint8)
    brightness = _brightness(np.nan_to_num(pixels), dataset)
    grey = np.rint(np.clip(brightness, 0.0, 1.0) * _WHITE).astype(np.uint8)
    return _WHITE - grey if photometric == "MONOCHROME1" else grey


def _brightness(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return values of which 0 to 1 is to be seen: by VOI LUT, else window, else full range."""
    values = apply_modality_lut(pixels, dataset)
    if dataset.get("VOILUTSequence"):
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return apply_voi(values, dataset) / (2**bits - 1)
    values = np.asarray(values, np.float64)
    width = _first(dataset.get("WindowWidth"))
    center = _first(dataset.get("WindowCenter"))
    if width is None or center is None:
        low, high = float(values.min()), float(values.max())
        return (values - low) / ((high - low) or 1.0)
    return _windowed(values, center, width, dataset.get("VOILUTFunction") or "LINEAR")


def _windowed(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    if function == "SIGMOID":
        return 1.0 / (1.0 + np.exp(-4.0 * (values - center) / width))
    if function == "LINEAR_EXACT":
        return (values - center) / width + 0.5
    if width <= 1.0:
        return (values > center - 0.5).astype(np.float64)
    return (values - (center - 0.5)) / (width - 1.0) + 0.5


def _first(value: object) -> float | None:
    """Return the first of the windows that a file offers."""
    if value is None or value == "":
        return None
    numbers = np.atleast_1d(np.asarray(value, np.float64))
    return float(numbers[0]) if numbers.size else None
