"""The key image as a picture: the image, what was found on it, and words that nobody can crop off.

The words stand in bars above and below the image, so that they hide no anatomy and stay legible
whatever the image's size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from wetread.core.dicom.marks import Box, Colour, Mark, draw_marks
from wetread.core.findings import Candidate, CandidateKind, Finding, Region

LONGEST_SIDE_PIXELS = 2048
"""Of the whole picture; viewers show larger ones no better, and each costs megabytes."""

WARNING = "AI - not for diagnosis"
STATUS = "PRELIMINARY"

_IMAGE_SIDE_PIXELS = (1024, 1860)
"""The image's longer side is enlarged or reduced into this range; the bars take the rest."""
_SMALLEST_PANE_PIXELS = (720, 200)
"""Width and height that bars and labels need; a smaller image stands in the middle."""
_MARKED_LIMIT = 12
_LABEL_CHARACTERS = 40
_SQUARE_TOLERANCE = 0.01
"""Pixels this close to square are left alone."""

_COLOURS: dict[str, Colour] = {
    Finding.kind: (255, 225, 60),
    CandidateKind.ANOMALY: (255, 140, 30),
    CandidateKind.OBJECT: (90, 190, 240),
}
"""Yellow, orange and blue differ for every kind of colour vision."""
_BLACK: Colour = (0, 0, 0)
_BAR: Colour = (24, 26, 30)
_WHITE: Colour = (236, 238, 240)
_GREY: Colour = (150, 156, 164)
_AMBER: Colour = (255, 196, 0)


def draw_key_image(
    pixels: npt.NDArray[np.uint8],
    marked: Sequence[Finding | Candidate],
    caption: str,
    *,
    pixel_aspect: float = 1.0,
) -> npt.NDArray[np.uint8]:
    """Draw findings and candidates with their labels and scores on an image.

    Parameters
    ----------
    pixels : shape (rows, columns) or (rows, columns, 3)
    marked : on this image; those without a region are named in the lower bar
    caption : what else the lower bar says; it names no patient
    pixel_aspect : height of a pixel divided by its width; the picture's own pixels are square

    Returns
    -------
    RGB of shape (rows, columns, 3), neither longer nor wider than ``LONGEST_SIDE_PIXELS``.
    """
    image = _scaled(Image.fromarray(pixels).convert("RGB"), pixel_aspect)
    width, height = (
        max(size, least) for size, least in zip(image.size, _SMALLEST_PANE_PIXELS, strict=True)
    )
    font_size = max(22, width // 44)
    bar = 2 * font_size
    pane = (0, bar, width - 1, bar + height - 1)
    left, top = (width - image.width) // 2, bar + (height - image.height) // 2
    area = (left, top, left + image.width - 1, top + image.height - 1)
    canvas = Image.new("RGB", (width, height + 2 * bar), _BAR)
    canvas.paste(_BLACK, (0, bar, width, bar + height))
    canvas.paste(image, (left, top))
    shown = sorted(marked, key=_rank)[:_MARKED_LIMIT]
    marks = [
        Mark(_box(seen.region, area), _label(seen), _COLOURS[seen.kind], _is_finding(seen))
        for seen in shown
        if seen.region
    ]
    draw_marks(canvas, marks, pane, font_size)
    _draw_warning(canvas, font_size)
    _draw_footer(canvas, (_summary(shown, marked), caption), font_size)
    return np.asarray(canvas)


def _scaled(image: Image.Image, pixel_aspect: float) -> Image.Image:
    width, height = float(image.width), float(image.height)
    if abs(pixel_aspect - 1) > _SQUARE_TOLERANCE:
        width, height = width / min(pixel_aspect, 1), height * max(pixel_aspect, 1)
    low, high = _IMAGE_SIDE_PIXELS
    longest = max(width, height)
    factor = min(max(longest, low), high) / longest
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    return image.resize(size, Image.Resampling.BICUBIC)


def _box(region: Region, area: Box) -> Box:
    """Return where a region lies on the canvas, kept inside the image."""
    left, top, right, bottom = area
    x0, x1 = (min(max(x, 0.0), 1.0) for x in (region.x, region.x + region.width))
    y0, y1 = (min(max(y, 0.0), 1.0) for y in (region.y, region.y + region.height))
    return (
        left + round(x0 * (right - left)),
        top + round(y0 * (bottom - top)),
        left + round(x1 * (right - left)),
        top + round(y1 * (bottom - top)),
    )


def _is_finding(seen: Finding | Candidate) -> bool:
    return isinstance(seen, Finding)


def _rank(seen: Finding | Candidate) -> tuple[bool, float, str]:
    """Order findings before candidates, whatever the scores: two models' do not compare."""
    return (not _is_finding(seen), -seen.score, seen.label)


def _label(seen: Finding | Candidate) -> str:
    words = " ".join((seen.sized_label if isinstance(seen, Finding) else seen.label).split())
    if len(words) > _LABEL_CHARACTERS:
        words = words[: _LABEL_CHARACTERS - 1] + "…"
    return f"{words} ({seen.score:.2f})"


def _summary(shown: Sequence[Finding | Candidate], marked: Sequence[Finding | Candidate]) -> str:
    if not marked:
        return "Nothing is marked on this image."
    findings = sum(map(_is_finding, marked))
    counts = ((findings, "finding", " to be confirmed"), (len(marked) - findings, "candidate", ""))
    parts = [f"{n} {noun}{'s' * (n > 1)}{status}" for n, noun, status in counts if n]
    if len(shown) < len(marked):
        parts.append(f"the first {len(shown)} shown")
    if unplaced := "; ".join(_label(seen) for seen in shown if not seen.region):
        parts.append(f"not located: {unplaced}")
    return f"{', '.join(parts)}. In brackets: the model's score."


def _draw_warning(canvas: Image.Image, font_size: int) -> None:
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(font_size)
    margin, middle = font_size // 2, font_size
    draw.text((margin, middle), WARNING, font=font, fill=_AMBER, anchor="lm")
    draw.text((canvas.width - margin, middle), STATUS, font=font, fill=_AMBER, anchor="rm")


def _draw_footer(canvas: Image.Image, lines: tuple[str, str], font_size: int) -> None:
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(font_size * 0.72)
    margin = font_size // 2
    for place, (line, colour) in enumerate(zip(lines, (_WHITE, _GREY), strict=True)):
        middle = canvas.height - font_size * (1.5 - 0.92 * place)
        text = _fitted(line, font, canvas.width - 2 * margin)
        draw.text((margin, middle), text, font=font, fill=colour, anchor="lm")


def _fitted(
    line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_pixels: int
) -> str:
    if font.getlength(line) <= width_pixels:
        return line
    while line and font.getlength(line + "…") > width_pixels:
        line = line[:-1]
    return line + "…"
