"""Text as scanners burn it into pictures, in the font that Pillow carries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from training.burned_in_text.pictures import Picture

Lettering = Callable[[np.random.Generator, str], NDArray[np.float32]]
"""Draws a line of text: coverage 0..1, (rows, columns), cut to the letters."""
_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWZabcdefghijklmnoprstuvwz"
_LEAST_ROWS = 8
"""Of a line of text at the lower edge, for it to be legible."""


def words(rng: np.random.Generator) -> str:
    """Return what could be a name, a date, a number or a setting."""
    kind = rng.integers(4)
    letters = "".join(rng.choice(list(_LETTERS), rng.integers(4, 10)))
    digits = "".join(rng.choice(list("0123456789"), rng.integers(4, 9)))
    if kind == 0:
        return f"{letters.capitalize()}, {''.join(rng.choice(list(_LETTERS), 5))}"
    if kind == 1:
        return f"{digits[:2]}/{digits[2:4]}/19{digits[:2]}"
    if kind == 2:
        return f"ID: {digits}"
    return letters.upper() + " " + digits


def lettering(rng: np.random.Generator, text: str) -> NDArray[np.float32]:
    """Draw ``text`` in Pillow's own font, at a random size, weight and width."""
    font = ImageFont.load_default(size=float(rng.uniform(10, 30)))
    bold = int(rng.random() < 0.3)
    left, top, right, bottom = font.getbbox(text, stroke_width=bold)
    canvas = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(canvas).text((2 - left, 2 - top), text, fill=255, font=font, stroke_width=bold)
    wide = max(8, int(canvas.width * rng.uniform(0.8, 1.3)))
    stretched = canvas.resize((wide, canvas.height), Image.Resampling.BILINEAR)
    coverage = np.asarray(stretched, np.float32) / 255
    return (coverage > 0.5).astype(np.float32) if rng.random() < 0.4 else coverage


def write(
    rng: np.random.Generator, picture: Picture, lettering: Lettering
) -> tuple[Picture, NDArray[np.bool_]]:
    """Return ``picture`` with lines of text, and where the lines are (their boxes)."""
    written, boxes = picture.copy(), np.zeros(picture.shape, bool)
    x = int(rng.uniform(0, picture.shape[1] * 0.6))
    y = int(rng.uniform(0, picture.shape[0] * 0.8))
    contrast = rng.uniform(0.3, 1.0)
    for _ in range(rng.integers(1, 5)):
        if y > picture.shape[0] - _LEAST_ROWS:
            break
        coverage = lettering(rng, words(rng))[: picture.shape[0] - y, : picture.shape[1] - x]
        where = np.s_[y : y + coverage.shape[0], x : x + coverage.shape[1]]
        ground = written[where]
        if rng.random() < 0.2:
            ground = np.full_like(ground, rng.uniform(0, 0.2))
        tone = 1.0 if ground.mean() < 0.55 else 0.0
        tone = ground.mean() + (tone - ground.mean()) * contrast
        written[where] = ground + coverage * (tone - ground)
        boxes[where] = True
        y += int(coverage.shape[0] * rng.uniform(1.05, 1.5))
    return written, boxes
