"""Boxes with labels that do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, ends included."""
Colour = tuple[int, int, int]

_BLACK = (0, 0, 0)
_LABEL_BACKGROUND = (16, 18, 22)


@dataclass(frozen=True)
class Mark:
    """One box, its label and its colour."""

    box: Box
    label: str
    colour: Colour


def draw_marks(canvas: Image.Image, marks: Sequence[Mark], area: Box, font_size: int) -> None:
    """Draw ``marks`` on ``canvas``; labels stay inside ``area`` and clear of each other.

    The first mark lies on top and its label has the first choice of place.
    """
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(font_size)
    line = max(2, font_size // 10)
    for mark in reversed(marks):
        # The dark rim keeps the line visible on bright ground.
        draw.rectangle(_grown(mark.box, 1), outline=_BLACK, width=line + 2)
        draw.rectangle(mark.box, outline=mark.colour, width=line)
    taken: list[Box] = []
    for mark in marks:
        size = (round(font.getlength(mark.label)) + font_size // 2, round(font_size * 1.3))
        place = _place(mark.box, size, area, taken)
        taken.append(place)
        draw.rectangle(place, fill=_LABEL_BACKGROUND)
        draw.rectangle((place[0], place[1], place[0] + line - 1, place[3]), fill=mark.colour)
        draw.text(
            (place[0] + line + font_size // 6, (place[1] + place[3]) / 2),
            mark.label,
            font=font,
            fill=mark.colour,
            anchor="lm",
        )


def _place(box: Box, size: tuple[int, int], area: Box, taken: Sequence[Box]) -> Box:
    """Choose the first free place: above, below, inside the box, then down the area."""
    width, height = size
    left = max(min(box[0], area[2] - width), area[0])
    tops = [box[1] - height - 2, box[3] + 3, box[1] + 4, *range(area[1], area[3], height + 2)]
    places = [(left, top, left + width, top + height) for top in tops]
    free = (
        place
        for place in places
        if area[1] <= place[1] and place[3] <= area[3] and not any(_meet(place, t) for t in taken)
    )
    return next(free, places[2])


def _meet(a: Box, b: Box) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _grown(box: Box, by: int) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)
