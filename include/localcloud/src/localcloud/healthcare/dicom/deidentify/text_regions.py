"""Where a picture shows text: boxes of lines that a machine can read.

Source: https://cloud.google.com/healthcare-api/docs/how-tos/dicom-deidentify#redact_burnt-in_text
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from localcloud.vision.images import Pixels
from localcloud.vision.text import TextLine, read_lines

# Letters reach beyond the box that was found around their middle.
_MARGIN_OF_HEIGHT = 0.2
_MIN_MARGIN_PIXELS = 2


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; `bottom` and `right` are the first row and column outside."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def around(cls, line: TextLine) -> Box:
        """Return the box of a line with a margin; it may reach beyond the picture."""
        columns = [x for x, _ in line.corners]
        rows = [y for _, y in line.corners]
        height = min(max(rows) - min(rows), max(columns) - min(columns))
        margin = max(_MIN_MARGIN_PIXELS, round(height * _MARGIN_OF_HEIGHT))
        return cls(
            max(0, min(rows) - margin),
            max(0, min(columns) - margin),
            max(rows) + margin + 1,
            max(columns) + margin + 1,
        )

    def fill(self, frame: np.ndarray, value: object) -> None:
        """Overwrite the box in a frame, in place."""
        frame[self.top : self.bottom, self.left : self.right] = value


def require_reader() -> None:
    """Make sure that text can be read at all, before a file is taken for one without.

    Raises
    ------
    GoogleError
        501 when the reader is not installed.
    """
    read_lines(Pixels(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8)))


def text_boxes(pictures: Iterable[np.ndarray], wanted: Callable[[str], bool]) -> Iterator[Box]:
    """Iterate over the boxes of wanted lines; pictures are 8 bit, grey or RGB."""
    for picture in pictures:
        rgb = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
        gray = rgb.mean(axis=2).astype(np.uint8)
        for line in read_lines(Pixels(rgb, gray)):
            if wanted(line.text):
                yield Box.around(line)
