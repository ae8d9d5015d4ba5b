"""From a map of how likely each pixel is text to boxes around words.

The map is that of a differentiable binarization network: it marks the core of each line, which is
grown back by the rule that the network was trained with.
Source: https://arxiv.org/abs/1911.08947, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from wetread.core.pixels.burned_in.boxes import TextBox

_CELL_PX = 4
"""Pixels of the map that are joined; a gap between letters is larger."""
_TEXT = 0.2
"""Likelier pixels belong to a core; the network's authors use 0.3 and miss letters on tissue."""
_CERTAIN = 0.4
"""A core without a pixel as likely as this is texture."""
_GROWTH = 1.6
"""A core is grown by its area times this over its perimeter, as its authors do."""
_MARGIN = 0.15
"""And by this share of its height, for what sticks out of the line: accents, descenders."""
_MARGIN_PX = 4


def text_boxes(likely: npt.NDArray[np.float32]) -> list[TextBox]:
    """Return the boxes of a map of probabilities; its sides are multiples of 4."""
    rows, columns = (side // _CELL_PX for side in likely.shape)
    cells = likely.reshape(rows, _CELL_PX, columns, _CELL_PX).max(axis=(1, 3))
    return [_grown(core, likely.shape) for core, peak in _cores(cells) if peak >= _CERTAIN]


def _cores(cells: npt.NDArray[np.float32]) -> Iterator[tuple[TextBox, float]]:
    """Yield the box, in cells, and the highest value of each group of touching cells."""
    waiting = {(int(y), int(x)) for y, x in np.argwhere(cells > _TEXT)}
    while waiting:
        group = [waiting.pop()]
        for y, x in group:
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & waiting
            waiting -= near
            group.extend(near)
        ys, xs = zip(*group, strict=True)
        box = TextBox(min(xs), min(ys), max(xs) + 1, max(ys) + 1)
        yield box, max(float(cells[y, x]) for y, x in group)


def _grown(core: TextBox, shape: tuple[int, ...]) -> TextBox:
    width, height = (
        (b - a) * _CELL_PX for a, b in ((core.left, core.right), (core.top, core.bottom))
    )
    growth = _GROWTH * width * height / (2 * (width + height))
    margin = round(growth + max(_MARGIN * min(width, height), _MARGIN_PX))
    return TextBox(
        max(core.left * _CELL_PX - margin, 0),
        max(core.top * _CELL_PX - margin, 0),
        min(core.right * _CELL_PX + margin, shape[1]),
        min(core.bottom * _CELL_PX + margin, shape[0]),
    )
