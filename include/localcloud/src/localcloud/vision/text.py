"""Text in images, read line by line by RapidOCR.

RapidOCR is an extra of this package: it asks for a build of OpenCV that needs a display. Whoever
reads text without it is told how to install it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from localcloud.errors import GoogleError
from localcloud.vision.images import Pixels

_MISSING = (
    "Reading text needs the extra localcloud[text]: pip install rapidocr-onnxruntime where the "
    "local cloud is installed, then start it anew."
)
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class TextLine:
    """A line of text, its four corners (x, y) in pixels clockwise from the top left, its score."""

    text: str
    corners: tuple[tuple[int, int], ...]
    score: float


def read_lines(pixels: Pixels) -> list[TextLine]:
    """Return the lines of text in reading order; takes about 0.4 s for 512 x 512.

    Raises
    ------
    GoogleError
        501 when RapidOCR is not installed.
    """
    with _one_at_a_time:
        found, _ = _engine()(np.ascontiguousarray(pixels.rgb[:, :, ::-1]))
    height, width = pixels.gray.shape
    return [
        TextLine(
            text,
            tuple((_within(x, width), _within(y, height)) for x, y in corners),
            round(float(score), 4),
        )
        for corners, text, score in found or ()
    ]


@cache
def _engine() -> Any:
    # Loading the models takes a quarter of a second and memory that few runs need.
    try:
        from rapidocr_onnxruntime import RapidOCR  # noqa: PLC0415
    except ImportError:
        raise GoogleError.of(501, _MISSING) from None

    return RapidOCR()


def _within(value: float, size: int) -> int:
    return min(max(round(value), 0), size - 1)
