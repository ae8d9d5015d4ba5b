"""What a detector of pictures returns, and the connected parts of what it marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Detection2D:
    """A coded region; the box is x, y, width, height in fractions from the top left corner."""

    code: str
    score: float
    box: tuple[float, float, float, float]


def connected_parts(mask: Mask) -> list[Mask]:
    """Return the parts of ``mask`` that touch by a side or a corner, the largest first."""
    left, parts = mask.copy(), []
    while left.any():
        part = np.zeros_like(mask)
        part.flat[int(np.argmax(left))] = True
        while (grown := _grown(part) & left).sum() > part.sum():
            part = grown
        left &= ~part
        parts.append(part)
    return sorted(parts, key=lambda part: -int(part.sum()))


def _grown(part: Mask) -> Mask:
    wide = np.pad(part, 1)
    rows, columns = part.shape
    grown: Mask = np.any(
        [wide[r : r + rows, c : c + columns] for r in range(3) for c in range(3)], axis=0
    )
    return grown
