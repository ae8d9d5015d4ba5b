"""Crop hints: where in an image the edges are.

For an aspect ratio, the largest crop of it, moved along its free axis to where it holds the most
edge; without one, the image less its borders that hold next to none.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from localcloud.vision.images import Pixels

MAXIMUM_RATIOS = 16
_SIZE = 256
_BORDER = 0.01
"""Share of all edges that may be cut off on each side when no ratio is asked for."""


@dataclass(frozen=True)
class Crop:
    """A crop in pixels of the image, and its share of the image's edges."""

    left: int
    top: int
    right: int
    bottom: int
    importance: float


def crops(pixels: Pixels, ratios: list[float]) -> list[Crop]:
    """Return a crop for each aspect ratio (width by height), or one where none is given."""
    columns, rows = _edges(pixels)
    if not ratios:
        return [_trimmed(pixels, columns, rows)]
    return [_of_ratio(pixels, columns, rows, ratio) for ratio in ratios[:MAXIMUM_RATIOS]]


def _edges(pixels: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the running sums of edge strength over columns and rows, from 0 to 1."""
    height, width = pixels.gray.shape
    scale = min(1.0, _SIZE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels.gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    across, down = (cv2.Sobel(small, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1)))
    # A little everywhere, so that an even image has its middle as its middle.
    strength = cv2.magnitude(across, down).astype(np.float64) + 1e-3
    sums = [np.concatenate(([0.0], np.cumsum(strength.sum(axis=axis)))) for axis in (0, 1)]
    columns, rows = (total / total[-1] for total in sums)
    return columns, rows


def _trimmed(pixels: Pixels, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> Crop:
    height, width = pixels.gray.shape
    left, right = _span(columns, width)
    top, bottom = _span(rows, height)
    return Crop(left, top, right, bottom, round(1 - 4 * _BORDER, 4))


def _span(sums: NDArray[np.float64], length: int) -> tuple[int, int]:
    steps = len(sums) - 1
    first = int(np.searchsorted(sums, _BORDER, side="right")) - 1
    last = int(np.searchsorted(sums, 1 - _BORDER, side="left"))
    return round(first / steps * length), min(length, round(last / steps * length)) - 1


def _of_ratio(
    pixels: Pixels, columns: NDArray[np.float64], rows: NDArray[np.float64], ratio: float
) -> Crop:
    height, width = pixels.gray.shape
    if ratio >= width / height:
        start, end, importance = _best(rows, height, width / ratio)
        return Crop(0, start, width - 1, end, importance)
    start, end, importance = _best(columns, width, height * ratio)
    return Crop(start, 0, end, height - 1, importance)


def _best(sums: NDArray[np.float64], length: int, wanted: float) -> tuple[int, int, float]:
    """Return where a window of a length holds most: its first and last pixel, and its share."""
    steps = len(sums) - 1
    window = min(steps, max(1, round(wanted / length * steps)))
    held = sums[window:] - sums[:-window]
    start = round(int(np.argmax(held)) / steps * length)
    size = min(length, max(1, round(wanted)))
    start = min(start, length - size)
    return start, start + size - 1, round(float(held.max()), 4)
