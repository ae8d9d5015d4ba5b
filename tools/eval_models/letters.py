"""Letters of the evaluation: two founts that the model for burned-in text was not trained on.

One is Pillow's bitmap fount, enlarged without smoothing as scanners' screens do; the other draws
the fourteen strokes of an alphanumeric display.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Plane = NDArray[np.float32]

_STROKES = {
    "a": (0, 0, 2, 0), "b": (2, 0, 2, 2), "c": (2, 2, 2, 4), "d": (0, 4, 2, 4), "e": (0, 2, 0, 4),
    "f": (0, 0, 0, 2), "g": (0, 2, 1, 2), "G": (1, 2, 2, 2), "h": (0, 0, 1, 2), "i": (1, 0, 1, 2),
    "j": (2, 0, 1, 2), "k": (1, 2, 2, 4), "l": (1, 2, 1, 4), "m": (1, 2, 0, 4),
}  # fmt: skip
_LETTERS = {
    "A": "abcefgG", "B": "abcdilG", "C": "adef", "D": "abcdil", "E": "adefgG", "F": "aefg",
    "G": "acdefG", "H": "bcefgG", "I": "adil", "J": "bcde", "K": "efgjk", "L": "def",
    "M": "bcefhj", "N": "bcefhk", "O": "abcdef", "P": "abefgG", "R": "abefgGk", "S": "acdfgG",
    "T": "ail", "U": "bcdef", "V": "efmj", "W": "bcefmk", "X": "hjkm", "Y": "hjl", "Z": "adjm",
    "0": "abcdefjm", "1": "bc", "2": "abdegG", "3": "abcdG", "4": "bcfgG", "5": "acdfgG",
    "6": "acdefgG", "7": "abc", "8": "abcdefgG", "9": "abcdfgG", ".": "d", "-": "gG", " ": "",
}  # fmt: skip


def text(rng: np.random.Generator) -> str:
    """Return a line as it would stand in the corner of an image."""
    letters = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVWYZ"), rng.integers(3, 9)))
    digits = "".join(rng.choice(list("0123456789"), rng.integers(3, 9)))
    return str(rng.choice([f"{letters} {digits}", f"{digits[:2]}.{digits[2:]}-{letters}", letters]))


def bitmap(rng: np.random.Generator, line: str) -> Plane:
    """Return ``line`` in Pillow's bitmap fount, once to three times as large."""
    left, top, right, bottom = (int(v) for v in _fount().getbbox(line))
    canvas = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), line, fill=255, font=_fount())
    times = int(rng.integers(1, 4))
    return np.kron(np.asarray(canvas, np.float32) / 255, np.ones((times, times), np.float32))


@cache
def _fount() -> ImageFont.ImageFont:
    return ImageFont.load_default_imagefont()


def strokes(rng: np.random.Generator, line: str) -> Plane:
    """Return ``line`` in strokes, 9 to 30 pixels high."""
    unit = rng.uniform(2.2, 7.5)
    width = max(1, round(unit * rng.uniform(0.25, 0.5)))
    advance = 3.2 * unit
    size = (int(advance * len(line)) + 4, int(4 * unit) + 4 + width)
    canvas = Image.new("L", size)
    pen = ImageDraw.Draw(canvas)
    for number, letter in enumerate(line):
        for name in _LETTERS[letter]:
            x0, y0, x1, y1 = (v * unit + 2 for v in _STROKES[name])
            pen.line([x0 + number * advance, y0, x1 + number * advance, y1], 255, width)
    return np.asarray(canvas, np.float32) / 255
