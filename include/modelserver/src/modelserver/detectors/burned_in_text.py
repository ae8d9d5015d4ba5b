"""Says whether letters were burned into a picture, and about where: a second opinion, no reader.

The network judges windows of 48 x 48 at several sizes of the picture, so that letters from 8 to 80
pixels high fill a good part of one.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from modelserver.detectors.areas import resized
from modelserver.detectors.boxes import Detection2D, connected_parts

CODE = "burned-in-text"
WINDOW, STEP = 48, 16
_LARGEST = 1024
"""The longer side at which a picture is looked at first; then at half and a quarter of that."""
_LEAST_SIDE = 96
_MARKED = 0.5
_IN_A_ROW = 3
_MOST = 10

Plane = NDArray[np.float32]


class BurnedInTextDetector:
    """Looks for text with the network of ``session``."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def detect(
        self, image: Plane, spacing_mm: tuple[float, float] | None = None
    ) -> list[Detection2D]:
        """Return the regions that look like text, the surest first; at least one, however unsure.

        ``image`` is (rows, columns), 0..1. ``spacing_mm`` is not needed: letters have no size in
        the patient.
        """
        found = [region for scaled in _sizes(image) for region in self._regions(scaled)]
        return sorted(found, key=lambda region: -region.score)[:_MOST]

    def _regions(self, picture: Plane) -> list[Detection2D]:
        (answers,) = self._session.run(None, {"pictures": picture[None, None]})
        likely = _along_lines(answers[0, 0])
        marked = likely >= min(_MARKED, float(likely.max()))
        return [_region(likely, part, picture.shape) for part in connected_parts(marked)[:_MOST]]


def _sizes(image: Plane) -> list[Plane]:
    """Return the picture at each size that it is looked at, never enlarged but to fill a window."""
    picture = np.clip(np.nan_to_num(image.astype(np.float32)), 0, 1)
    shrink = max(1.0, max(picture.shape) / _LARGEST)
    result = []
    while True:
        rows, columns = (max(1, round(side / shrink)) for side in picture.shape)
        scaled = picture if (rows, columns) == picture.shape else resized(picture, rows, columns)
        missing = [max(0, WINDOW - side) for side in scaled.shape]
        result.append(np.pad(scaled, [(0, missing[0]), (0, missing[1])], mode="edge"))
        shrink *= 2
        if max(picture.shape) / shrink < _LEAST_SIDE or len(result) == 3:
            return result


def _along_lines(windows: Plane) -> Plane:
    """Return the mean of each window and its neighbours in the row: a line of text goes on."""
    if windows.shape[1] < _IN_A_ROW:
        return np.full_like(windows, windows.mean(1, keepdims=True))
    sides = np.pad(windows, [(0, 0), (1, 1)])
    total: Plane = sides[:, :-2] + sides[:, 1:-1] + sides[:, 2:]
    return total / np.float32(_IN_A_ROW)


def _region(likely: Plane, part: NDArray[np.bool_], shape: tuple[int, ...]) -> Detection2D:
    rows, columns = np.nonzero(part)
    top, left = rows.min() * STEP / shape[0], columns.min() * STEP / shape[1]
    bottom = min(1.0, (rows.max() * STEP + WINDOW) / shape[0])
    right = min(1.0, (columns.max() * STEP + WINDOW) / shape[1])
    box = (float(left), float(top), float(right - left), float(bottom - top))
    return Detection2D(CODE, float(likely[part].max()), box)
