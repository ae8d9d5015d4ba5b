"""Coarse labels that follow from simple statistics of the pixels.

No label says what the image shows; that would need a model. The score is how clearly the statistic
exceeds its bound.
"""

from __future__ import annotations

import cv2
import numpy as np

from localcloud.vision.images import Pixels

MINIMUM_SCORE = 0.5
_COLOUR_DIFFERENCE = 16
"""Difference of a pixel's channels from which on it counts as coloured."""
_EDGE = 0.08
"""Gradient, in shares of the range per pixel, from which on a pixel belongs to an edge."""
_DETAIL_SIZE = 512
"""Edges are counted at this size, so that the same picture has the same detail at any size."""


def labels(pixels: Pixels) -> list[tuple[str, float]]:
    """Return (label, score in 0.5..1) in falling order; there is always at least one."""
    # OpenCV needs no copy of the image for this, which may have 75 million pixels.
    means, spreads = cv2.meanStdDev(pixels.gray)
    spread, mean = float(spreads[0, 0]) / 255, float(means[0, 0]) / 255
    coloured = _coloured_share(pixels)
    detail = _edge_share(pixels)
    scores = {
        "Grayscale": 1 - _rising(coloured, 0.0, 0.1),
        "Color": _rising(coloured, 0.0, 0.1),
        "High contrast": _rising(spread, 0.1, 0.3),
        "Low contrast": 1 - _rising(spread, 0.0, 0.1),
        "Dark": 1 - _rising(mean, 0.0, 0.4),
        "Bright": _rising(mean, 0.6, 1.0),
        "High detail": _rising(detail, 0.05, 0.3),
        "Low detail": 1 - _rising(detail, 0.0, 0.1),
    }
    kept = [(name, round(score, 4)) for name, score in scores.items() if score >= MINIMUM_SCORE]
    return sorted(kept, key=lambda label: (-label[1], label[0]))


def _coloured_share(pixels: Pixels) -> float:
    if pixels.rgb.strides[2] == 0:
        return 0.0
    difference = pixels.rgb.max(axis=2) - pixels.rgb.min(axis=2)
    return float((difference >= _COLOUR_DIFFERENCE).mean())


def _edge_share(pixels: Pixels) -> float:
    scale = min(1.0, _DETAIL_SIZE / max(pixels.gray.shape))
    small = cv2.resize(pixels.gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = small.astype(np.float32) / 255
    across, down = (cv2.Sobel(small, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    return float((cv2.magnitude(across, down) >= _EDGE).mean())


def _rising(value: float, none: float, full: float) -> float:
    return min(max((value - none) / (full - none), 0.0), 1.0)
