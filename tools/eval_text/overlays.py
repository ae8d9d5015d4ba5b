"""Invented names, numbers and dates, burned into real pictures where scanners put them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tools.eval_text.lettering import Box, Shades, line_of_text

SIZES_PX = (10, 12, 14, 16, 20, 24, 28, 32)


@dataclass(frozen=True)
class Wording:
    """What is written, and in which of :data:`tools.eval_text.lettering.FONTS`."""

    strings: tuple[str, ...]
    fonts: tuple[str, ...]


KNOWN = Wording(
    strings=(
        "DOE^JANE",
        "Miller, Sarah K.",
        "KOWALSKI JAN",
        "de la Cruz, Maria",
        "ID: 00482137",
        "MRN 7781-204",
        "A20260117-033",
        "1957-03-14",
        "14/03/1957 10:42",
        "DOB 02.11.1968",
        "17-Jan-2026 09:15:33",
        "067Y F",
        "St. Mary Hospital",
        "Dr. R. Haddad",
    ),
    fonts=("outline", "bitmap", "rounded"),
)
"""What the detector's thresholds were chosen on."""
HELD_OUT = Wording(
    strings=(
        "OKAFOR^CHIDI^M",
        "Lindqvist, Astrid",
        "TANAKA HIROSHI",
        "van den Berg, P.",
        "Acc 55-019-2284",
        "PID 9930017",
        "B7/2025/11804",
        "1988.12.30",
        "30/12/1988 23:07",
        "BORN 09-06-1941",
        "05-Oct-2025 07:58:02",
        "084Y M",
        "Lakeside Imaging",
        "Ref: Dr. Q. Zhou",
    ),
    fonts=("bold", "plotted"),
)
"""What nothing was chosen on."""
_WHITE, _GREY, _YELLOW, _BLACK = (255, 255, 255), (176, 176, 176), (255, 255, 0), (0, 0, 0)
_COLOURS = (_WHITE, _GREY, _YELLOW)
_BRIGHT = 110
"""From this mean shade on, text is black: nobody reads white on white."""
_UNEVEN = 45
"""Where shades scatter more there is a contour or other text: scanners avoid such places."""
_MARGIN_PX = (2, 8, 24)
_GAP_PX = 6
_TRIES = 40


@dataclass(frozen=True)
class BurnedString:
    """A string in a picture, and the box of each of its letters."""

    text: str
    font: str
    size_px: int
    letters: tuple[Box, ...]


@dataclass(frozen=True)
class BurnedPicture:
    """A picture in RGB, and what was burned into it."""

    pixels: Shades
    strings: tuple[BurnedString, ...]


def burn(
    picture: Shades, strings: int, random: np.random.Generator, wording: Wording = KNOWN
) -> BurnedPicture:
    """Return a copy of the picture with up to so many strings that do not touch each other."""
    pixels = np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture.copy()
    taken = np.zeros(pixels.shape[:2], bool)
    drawn = tuple(_drawn(pixels, taken, strings, random, wording))
    return BurnedPicture(pixels, drawn)


def _drawn(
    pixels: Shades,
    taken: np.ndarray,
    strings: int,
    random: np.random.Generator,
    wording: Wording,
) -> Iterator[BurnedString]:
    missing = strings
    for _ in range(_TRIES):
        text, font = str(random.choice(wording.strings)), str(random.choice(wording.fonts))
        size_px = int(random.choice(SIZES_PX))
        line = line_of_text(text, font, size_px)
        height, width = line.ink.shape
        place = _place(pixels.shape[:2], (height, width), random)
        if place is None:
            continue
        y, x = place
        around = np.s_[
            max(y - _GAP_PX, 0) : y + height + _GAP_PX, max(x - _GAP_PX, 0) : x + width + _GAP_PX
        ]
        below = pixels[y : y + height, x : x + width]
        if taken[around].any() or below.std() > _UNEVEN:
            continue
        taken[around] = True
        colour = _BLACK if below.mean() > _BRIGHT else _COLOURS[random.integers(len(_COLOURS))]
        share = line.ink[..., None] / 255
        below[:] = np.rint(below * (1 - share) + np.array(colour) * share)
        letters = tuple(Box(b.left + x, b.top + y, b.right + x, b.bottom + y) for b in line.letters)
        yield BurnedString(text, font, size_px, letters)
        missing -= 1
        if not missing:
            return


def _place(
    picture: tuple[int, int], line: tuple[int, int], random: np.random.Generator
) -> tuple[int, int] | None:
    """Return the row and column of a corner or an edge; None where the line does not fit."""
    margin = int(random.choice(_MARGIN_PX))
    room_y, room_x = (whole - part - 2 * margin for whole, part in zip(picture, line, strict=True))
    if room_y < 0 or room_x < 0:
        return None
    along = float(random.choice((0, 0, 1, 1, random.random())))
    across = int(random.integers(2))
    y, x = (along, across) if random.random() < 0.5 else (across, along)
    return margin + round(y * room_y), margin + round(x * room_x)
