"""Text as scanners burn it in: several kinds of letters, drawn character by character.

Every letter's own box is known, so that a mask can be held to each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from tools.eval_text.strokes import ADVANCE, GRID_HEIGHT, strokes

Shades = npt.NDArray[np.uint8]

_EM_TO_CELL = 2
"""A glyph is drawn in a cell of this many font sizes, wide enough for every letter."""
_CAPITAL_SHARE = 0.7
"""How much of a font's size a capital letter takes."""
_OPENCV_CAPITAL_PX = 21
"""Height of a capital letter of OpenCV at scale 1."""
_SUBPIXEL_BITS = 4
_SUBPIXELS = 2**_SUBPIXEL_BITS
"""Lines begin and end between pixels."""
_BITMAP_SIZE_PX = 11
"""The line of the bitmap font, which only grows by whole factors."""


@dataclass(frozen=True)
class Box:
    """Pixels from (left, top) to before (right, bottom)."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Line:
    """A drawn line of text: how much of each pixel is ink, 0..255, and the box of each letter."""

    ink: Shades
    letters: tuple[Box, ...]


def outline(character: str, size_px: int) -> tuple[Shades, int]:
    """Return a letter of Pillow's own outline font, and how far the next one stands."""
    font: Any = ImageFont.load_default(size_px)
    return _drawn(character, font, size_px), max(round(font.getlength(character)), 1)


def bitmap(character: str, size_px: int) -> tuple[Shades, int]:
    """Return a letter of Pillow's bitmap font, as old scanners have them: whole pixels, grown."""
    factor = max(size_px // _BITMAP_SIZE_PX, 1)
    font: Any = ImageFont.load_default_imagefont()
    image = Image.new("L", (_BITMAP_SIZE_PX, _BITMAP_SIZE_PX))
    ImageDraw.Draw(image).text((0, 0), character, fill=255, font=font)
    grown = np.asarray(image).repeat(factor, 0).repeat(factor, 1)
    return grown, max(round(font.getlength(character)), 1) * factor


def rounded(character: str, size_px: int) -> tuple[Shades, int]:
    """Return a letter of OpenCV's own font, which has round ends."""
    return _opencv(character, size_px, cv2.FONT_HERSHEY_SIMPLEX)


def bold(character: str, size_px: int) -> tuple[Shades, int]:
    """Return a letter of OpenCV's heavy font."""
    return _opencv(character, size_px, cv2.FONT_HERSHEY_TRIPLEX)


def plotted(character: str, size_px: int) -> tuple[Shades, int]:
    """Return a letter of single strokes, as on ultrasound and X-ray systems."""
    unit = size_px * _CAPITAL_SHARE / GRID_HEIGHT
    cell = np.zeros((_EM_TO_CELL * size_px, _EM_TO_CELL * size_px), np.uint8)
    scale = unit * _SUBPIXELS
    lines = [np.rint((line + 1) * scale).astype(np.int32) for line in strokes(character)]
    thickness = 1 if size_px < 20 else 2
    cv2.polylines(cell, lines, False, 255, thickness, cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return cell, max(round(ADVANCE * unit), 1)


def _opencv(character: str, size_px: int, face: int) -> tuple[Shades, int]:
    thickness = 1 if size_px < 20 else 2
    scale = size_px * _CAPITAL_SHARE / _OPENCV_CAPITAL_PX
    (advance, _), _ = cv2.getTextSize(character, face, scale, thickness)
    cell = np.zeros((_EM_TO_CELL * size_px, _EM_TO_CELL * size_px), np.uint8)
    cv2.putText(cell, character, (0, size_px), face, scale, 255, thickness, cv2.LINE_AA)
    return cell, max(advance, 1)


FONTS: Mapping[str, Callable[[str, int], tuple[Shades, int]]] = MappingProxyType(
    {
        "outline": outline,
        "bitmap": bitmap,
        "rounded": rounded,
        "bold": bold,
        "plotted": plotted,
    }
)


@cache
def line_of_text(text: str, font: str, size_px: int) -> Line:
    """Draw a line; ``size_px`` is the font's size, of which a capital takes about 0.7."""
    glyphs = [FONTS[font](character, size_px) for character in text]
    height = max(glyph.shape[0] for glyph, _ in glyphs)
    width = sum(advance for _, advance in glyphs) + max(glyph.shape[1] for glyph, _ in glyphs)
    ink = np.zeros((height, width), np.uint8)
    letters, x = [], 0
    for glyph, advance in glyphs:
        rows, columns = np.nonzero(glyph > 64)
        if rows.size:
            letters.append(
                Box(
                    x + int(columns.min()),
                    int(rows.min()),
                    x + int(columns.max()) + 1,
                    int(rows.max()) + 1,
                )
            )
        room = ink[: glyph.shape[0], x : x + glyph.shape[1]]
        np.maximum(room, glyph, out=room)
        x += advance
    rows, columns = np.nonzero(ink)
    top, left = int(rows.min()), int(columns.min())
    cut = ink[top : rows.max() + 1, left : columns.max() + 1]
    moved = tuple(Box(b.left - left, b.top - top, b.right - left, b.bottom - top) for b in letters)
    return Line(cut, moved)


def _drawn(character: str, font: Any, size_px: int) -> Shades:
    image = Image.new("L", (_EM_TO_CELL * size_px, _EM_TO_CELL * size_px))
    ImageDraw.Draw(image).text((0, 0), character, fill=255, font=font)
    return np.asarray(image)
