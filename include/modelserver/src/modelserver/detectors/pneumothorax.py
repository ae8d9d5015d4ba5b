"""Finds air beside a lung on a frontal radiograph of the chest.

The network judges one half of the chest at a time, in the left half of its input; the picture goes
in as it is and mirrored. What it says about each place becomes at most one detection for a side.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from modelserver.detectors.areas import resized
from modelserver.detectors.boxes import Detection2D, connected_parts

CODE = "pneumothorax"
SIZE, GRID = 192, 96
_HALF = GRID // 2 + 3
"""Columns of the grid in which a side is judged: a chest is rarely quite in the middle."""
_PLACES = 30
"""So many of a side's likeliest places say how likely its region is."""
_INSIDE = 0.5
"""Places belong to the region from here on, or from half of that if it is less."""


class PneumothoraxDetector:
    """Looks for a pneumothorax with the network of ``session``."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def detect(
        self, image: NDArray[np.float32], spacing_mm: tuple[float, float] | None = None
    ) -> list[Detection2D]:
        """Return one detection for each side, the more likely first, whatever its score.

        ``image`` is (rows, columns), 0..1, dense parts bright. ``spacing_mm`` is not needed: a
        chest fills a chest radiograph.
        """
        names = ["places", "sides"]
        places, scores = self._session.run(names, {"radiographs": prepared(image)})
        boxes = (_box(places[0, 0], mirrored=False), _box(places[1, 0], mirrored=True))
        sides = [
            Detection2D(CODE, float(score), box)
            for score, box in zip(scores.ravel(), boxes, strict=True)
        ]
        return sorted(sides, key=lambda found: -found.score)


def prepared(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the network's input, (2, 1, 192, 192): the picture and its mirror image."""
    small = resized(np.nan_to_num(image.astype(np.float32)), SIZE, SIZE)
    low, high = np.quantile(small, [0.01, 0.99])
    even = np.clip((small - low) / max(float(high - low), 1e-3), 0, 1).astype(np.float32)
    even -= even.mean()
    return np.stack([even, even[:, ::-1]])[:, None]


def _box(places: NDArray[np.float32], *, mirrored: bool) -> tuple[float, float, float, float]:
    """Return the box of the largest connected part of a side that is likely to be air."""
    side = places[:, :_HALF]
    likely = float(np.sort(side, axis=None)[-_PLACES:].mean())
    rows, columns = np.nonzero(connected_parts(side >= min(_INSIDE, likely / 2))[0])
    x, y = float(columns.min()) / GRID, float(rows.min()) / GRID
    width, height = float(columns.max() + 1) / GRID - x, float(rows.max() + 1) / GRID - y
    return (1 - x - width if mirrored else x), y, width, height
