"""Dominant colours: the fullest of 4,096 equal cells of the colour cube."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from localcloud.vision.images import Pixels

_SIZE = 256
"""Colours are counted at this size, so that the same picture has the same ones at any size."""
_BITS = 4
_CELLS = 1 << 3 * _BITS


def dominant_colours(pixels: Pixels, maximum: int) -> list[dict[str, Any]]:
    """Return at most ``maximum`` colours, 0 to 255 a channel as Google gives them, fullest first.

    ``pixelFraction`` is the share of the image, ``score`` the share of the colours returned.
    """
    scale = min(1.0, _SIZE / max(pixels.gray.shape))
    # Nearest: a mean of two colours is neither of them.
    small = cv2.resize(pixels.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    flat = small.reshape(-1, 3).astype(np.int64)
    cells = (flat >> (8 - _BITS)) @ np.array([1 << 2 * _BITS, 1 << _BITS, 1])
    counts = np.bincount(cells, minlength=_CELLS)
    fullest = np.argsort(-counts, kind="stable")[:maximum]
    fullest = fullest[counts[fullest] > 0]
    shown = counts[fullest].sum()
    return [
        {
            "color": dict(zip(("red", "green", "blue"), _mean(flat[cells == cell]), strict=True)),
            "score": round(float(counts[cell] / shown), 4),
            "pixelFraction": round(float(counts[cell] / len(flat)), 4),
        }
        for cell in fullest
    ]


def _mean(colours: np.ndarray) -> list[int]:
    return [round(float(channel)) for channel in colours.mean(axis=0)]
