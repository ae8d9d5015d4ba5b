"""Boxes around text in a picture, and the black that is painted over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor

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

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    def holds_centre_of(self, other: TextBox) -> bool:
        x, y = (other.left + other.right) / 2, (other.top + other.bottom) / 2
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def moved(self, x: int, y: int) -> TextBox:
        return TextBox(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def scaled(self, factor: float) -> TextBox:
        """Return the box in a picture larger by a factor, with every pixel that it touches."""
        left, top = floor(self.left * factor), floor(self.top * factor)
        return TextBox(left, top, ceil(self.right * factor), ceil(self.bottom * factor))


def text_mask(shape: tuple[int, int], boxes: Iterable[TextBox]) -> npt.NDArray[np.bool_]:
    """Return which pixels of a picture of (rows, columns) lie in a box; boxes may stick out."""
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        mask[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = True
    return mask


def distinct(boxes: Sequence[TextBox]) -> int:
    """Return how many boxes there are when one that has its centre in a larger one is none."""
    kept: list[TextBox] = []
    for box in sorted(boxes, key=lambda box: -box.area):
        if not any(larger.holds_centre_of(box) for larger in kept):
            kept.append(box)
    return len(kept)


def paint_over(pixels: Picture, mask: npt.NDArray[np.bool_]) -> Picture:
    """Return a copy of a picture that is black where the mask is true."""
    painted = pixels.copy()
    painted[mask] = 0
    return painted
