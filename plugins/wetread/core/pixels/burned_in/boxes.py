"""Boxes around text in a picture, and the black that is painted over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""Shape (rows, columns), or (rows, columns, 3) in RGB."""


@dataclass(frozen=True)
class TextBox:
    """Pixels from (left, top) to before (right, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    def moved(self, x: int, y: int) -> TextBox:
        return TextBox(self.left + x, self.top + y, self.right + x, self.bottom + y)


def text_mask(shape: tuple[int, int], boxes: Iterable[TextBox]) -> npt.NDArray[np.bool_]:
    """Return which pixels of a picture of (rows, columns) lie in a box; boxes may stick out."""
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        mask[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = True
    return mask


def paint_over(pixels: Picture, mask: npt.NDArray[np.bool_]) -> Picture:
    """Return a copy of a picture that is black where the mask is true."""
    painted = pixels.copy()
    painted[mask] = 0
    return painted
