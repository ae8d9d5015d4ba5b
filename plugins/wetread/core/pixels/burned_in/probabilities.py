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
_TEXT = 0.3
"""Likelier pixels belong to a core (section 3.3)."""
_HIGHEST_PX = 56
"""A core that is larger both ways is an organ: the network is asked at a smaller scale, too."""
_GROWTH = 1.6
"""A core is grown by its area times this over its perimeter, as its authors do."""
_MARGIN = 0.15
"""And by this share of its height, for what sticks out of the line: accents, descenders."""
_MARGIN_PX = 4


def text_boxes(likely: npt.NDArray[np.float32]) -> list[TextBox]:
    """Return the boxes of a map of probabilities; its sides are multiples of 4."""
    rows, columns = (side // _CELL_PX for side in likely.shape)
    cells = likely.reshape(rows, _CELL_PX, columns, _CELL_PX).max(axis=(1, 3))
    return [_grown(core, likely.shape) for core in _cores(cells) if _is_line(core)]


def _is_line(core: TextBox) -> bool:
    return min(core.right - core.left, core.bottom - core.top) * _CELL_PX <= _HIGHEST_PX


def _cores(cells: npt.NDArray[np.float32]) -> Iterator[TextBox]:
    """Yield the box, in cells, around each group of touching cells."""
    waiting = {(int(y), int(x)) for y, x in np.argwhere(cells > _TEXT)}
    while waiting:
        group = [waiting.pop()]
        for y, x in group:
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & waiting
            waiting -= near
            group.extend(near)
        ys, xs = zip(*group, strict=True)
        yield TextBox(min(xs), min(ys), max(xs) + 1, max(ys) + 1)


def _grown(core: TextBox, shape: tuple[int, ...]) -> TextBox:
    width, height = (core.right - core.left) * _CELL_PX, (core.bottom - core.top) * _CELL_PX
    growth = _GROWTH * width * height / (2 * (width + height))
    margin = round(growth + max(_MARGIN * min(width, height), _MARGIN_PX))
    return TextBox(
        max(core.left * _CELL_PX - margin, 0),
        max(core.top * _CELL_PX - margin, 0),
        min(core.right * _CELL_PX + margin, shape[1]),
        min(core.bottom * _CELL_PX + margin, shape[0]),
    )
