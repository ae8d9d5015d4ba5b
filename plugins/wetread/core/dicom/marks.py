"""Boxes with labels that do not cover each other.

What stands out has a thick closed box and a label on its own colour; anything else has only the
corners of its box and a dark label. The two thus differ in print and for every colour vision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, ends included."""
Colour = tuple[int, int, int]

_BLACK = (0, 0, 0)
_LABEL_BACKGROUND = (16, 18, 22)
_CORNER_FRACTION = 0.3
"""How much of each side the corners of a box take at either end."""
_LABEL_ROWS = 3
"""How many labels may stand above each other on either side of a box."""


@dataclass(frozen=True)
class Mark:
    """One box, its label and its colour, and whether it stands out among the others."""

    box: Box
    label: str
    colour: Colour
    stands_out: bool = False


def draw_marks(canvas: Image.Image, marks: Sequence[Mark], area: Box, font_size: int) -> None:
    """Draw ``marks`` on ``canvas``; labels stay inside ``area`` and clear of each other.

    The first mark lies on top and its label has the first choice of place. Of marks at the same
    place the later ones are drawn around the earlier.
    """
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(font_size)
    line = max(2, font_size // 10)
    boxes = _nested([mark.box for mark in marks], 4 * line, area)
    for mark, box in reversed(list(zip(marks, boxes, strict=True))):
        _draw_box(draw, box, mark, line)
    taken: list[Box] = []
    for mark, box in zip(marks, boxes, strict=True):
        size = (round(font.getlength(mark.label)) + font_size // 2, round(font_size * 1.3))
        place = _place(box, size, area, taken, boxes)
        taken.append(place)
        ground = mark.colour if mark.stands_out else _LABEL_BACKGROUND
        draw.rectangle(place, fill=ground)
        draw.rectangle((place[0], place[1], place[0] + line - 1, place[3]), fill=mark.colour)
        draw.text(
            (place[0] + line + font_size // 6, (place[1] + place[3]) / 2),
            mark.label,
            font=font,
            fill=_BLACK if mark.stands_out else mark.colour,
            anchor="lm",
        )


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, mark: Mark, line: int) -> None:
    """Draw the box's lines, each with a dark rim that keeps it visible on bright ground."""
    if mark.stands_out:
        draw.rectangle(_grown(box, 1), outline=_BLACK, width=2 * line + 2)
        draw.rectangle(box, outline=mark.colour, width=2 * line)
        return
    strokes = _corners(box, line)
    for stroke in strokes:
        draw.rectangle(_grown(stroke, 1), fill=_BLACK)
    for stroke in strokes:
        draw.rectangle(stroke, fill=mark.colour)


def _corners(box: Box, line: int) -> list[Box]:
    """Return the strokes of a box's corners, each ``line`` pixels thick, inside the box."""
    left, top, right, bottom = box
    across = max(round((right - left) * _CORNER_FRACTION), min(line, right - left))
    down = max(round((bottom - top) * _CORNER_FRACTION), min(line, bottom - top))
    thick_x, thick_y = min(line - 1, right - left), min(line - 1, bottom - top)
    rows = ((top, top + thick_y), (bottom - thick_y, bottom))
    columns = ((left, left + thick_x), (right - thick_x, right))
    return [
        *((x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in _ends(left, right, across)),
        *((x0, y0, x1, y1) for x0, x1 in columns for y0, y1 in _ends(top, bottom, down)),
    ]


def _ends(start: int, end: int, length: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (start, start + length), (end - length, end)


def _nested(boxes: Sequence[Box], gap: int, area: Box) -> list[Box]:
    """Let each box that would hide an earlier one lie around it, ``gap`` pixels off."""
    placed: list[Box] = []
    for box in boxes:
        around = box
        # Each box before can be in the way once; at the area's edge there is no way around.
        for _ in placed:
            if any(_hide(around, other, gap) for other in placed):
                around = _within(_grown(around, gap), area)
        placed.append(around)
    return placed


def _hide(a: Box, b: Box, gap: int) -> bool:
    """Return whether all sides of two boxes lie closer than ``gap``."""
    return all(abs(x - y) < gap for x, y in zip(a, b, strict=True))


def _within(box: Box, area: Box) -> Box:
    return (
        max(box[0], area[0]),
        max(box[1], area[1]),
        min(box[2], area[2]),
        min(box[3], area[3]),
    )


def _place(
    box: Box, size: tuple[int, int], area: Box, taken: Sequence[Box], boxes: Sequence[Box]
) -> Box:
    """Choose the first free place above or below the box, then inside it, then down the area.

    A place that covers no box is better than a nearer one that hides what it is about.
    """
    width, height = size
    left = max(min(box[0], area[2] - width), area[0])
    step = height + 2
    beside = [
        top
        for rows in range(_LABEL_ROWS)
        for top in (box[1] - step * (rows + 1), box[3] + 3 + step * rows)
    ]
    inside = box[1] + 4
    tops = [*beside, inside, *range(area[1], area[3], step)]
    places = [(left, top, left + width, top + height) for top in tops]
    free = [
        place
        for place in places
        if area[1] <= place[1] and place[3] <= area[3] and not any(_meet(place, t) for t in taken)
    ]
    clear = (place for place in free if not any(_meet(place, other) for other in boxes))
    return next(clear, next(iter(free), (left, inside, left + width, inside + height)))


def _meet(a: Box, b: Box) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _grown(box: Box, by: int) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)
