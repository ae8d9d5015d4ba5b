"""Salient regions: bright, round, compact bodies that stand alone in darker surroundings.

What it computes, and nothing else: in the grayscale image, reduced to ``WORKING_SIZE`` pixels,
differences of Gaussians at several scales propose centres (a bright disc answers strongest at the
scale of its own radius; Lindeberg 1998). Around each the body is delimited at half its contrast
against its surroundings, and judged by four measurements that need no knowledge of what it is:

* contrast - how much brighter the body is than the ring around it, in shares of the full range;
* isolation - how much of the ring is dark, all the way round: an edge has half a dark ring, a rod
  two gaps, a letter its neighbours;
* roundness - how much of the smallest circle round the body the body fills;
* evenness - how little the inside varies, compared with the contrast: texture and noise vary.

The score is their product, so one failing measurement is enough to reject a region. Bodies that
touch the border of the image are left out: how they go on is not in the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.float32]

WORKING_SIZE = 256
"""Longer side in pixels after reduction; bounds the time, and averages noise away."""
SMALLEST_SIDE = 32
"""An image narrower than this has too few pixels to tell a disc from a square."""
MINIMUM_SCORE = 0.5
"""Less than this is not worth a word."""
_RATIO = 1.25
_RADII = tuple(3.0 * _RATIO**step for step in range(8))
"""Radii looked for, in working pixels: bodies of 2.3 to 11 per cent of the longer side."""
_MAXIMUM_CANDIDATES = 48
_WEAKEST_PEAK = 0.004
"""A response of a grey level is noise."""
_FULL_CONTRAST = 0.35
"""Share of the range from which on a contrast counts as full."""


@dataclass(frozen=True)
class Region:
    """A salient region: its box in fractions of width and height, and its score in 0..1."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


def salient_regions(gray: NDArray[np.uint8]) -> list[Region]:
    """Return the salient regions of an 8-bit image (rows, columns), best first.

    Scores have four decimals, so that the last bit of a processor does not show.
    """
    if min(gray.shape) < SMALLEST_SIDE:
        return []
    image = _reduced(gray)
    found: list[Region] = []
    for x, y, radius in _candidates(image):
        region = _judge(image, x, y, radius)
        if region is not None and region.score >= MINIMUM_SCORE:
            found.append(region)
    found.sort(key=lambda r: (-r.score, r.y0, r.x0))
    return _distinct(found)


def _reduced(gray: NDArray[np.uint8]) -> Gray:
    scale = WORKING_SIZE / max(gray.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    reduced: Gray = cv2.resize(gray, size, interpolation=method).astype(np.float32) / 255
    return reduced


def _candidates(image: Gray) -> list[tuple[int, int, float]]:
    """Return (x, y, radius) of the strongest peaks of the difference-of-Gaussians pyramid."""
    sigmas = [radius / np.sqrt(2) for radius in (*_RADII, _RADII[-1] * _RATIO)]
    blurred = [_blur(image, sigmas[0])]
    for narrow, wide in pairwise(sigmas):
        blurred.append(_blur(blurred[-1], float(np.sqrt(wide**2 - narrow**2))))
    stack = np.stack([a - b for a, b in pairwise(blurred)])
    peak = stack.max(axis=0)
    is_peak = (peak == cv2.dilate(peak, np.ones((5, 5), np.uint8))) & (peak > _WEAKEST_PEAK)
    ys, xs = np.nonzero(is_peak)
    order = np.lexsort((xs, ys, -peak[ys, xs]))[:_MAXIMUM_CANDIDATES]
    scale = stack.argmax(axis=0)
    return [(int(xs[i]), int(ys[i]), _RADII[scale[ys[i], xs[i]]]) for i in order]


def _blur(image: Gray, sigma: float) -> Gray:
    blurred: Gray = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return blurred


def _judge(image: Gray, x: int, y: int, radius: float) -> Region | None:
    """Delimit the body round (x, y) and score it; None when there is no separate body."""
    reach = int(np.ceil(radius * 4)) + 2
    top, left = max(0, y - reach), max(0, x - reach)
    patch = image[top : y + reach + 1, left : x + reach + 1]
    centre = (float(x - left), float(y - top))
    guess = _body(patch, centre, _half_level(patch, centre, radius))
    if guess is None:
        return None
    # Once its centre and size are measured, its half level can be measured better.
    body = _body(patch, guess.centre, _half_level(patch, guess.centre, guess.radius))
    return None if body is None else _score(image.shape, patch, (left, top), body)


@dataclass(frozen=True)
class _Body:
    box: tuple[int, int, int, int]
    centre: tuple[float, float]
    radius: float
    enclosing_radius: float


def _distance(shape: tuple[int, int], centre: tuple[float, float]) -> Gray:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(x - centre[0], y - centre[1]).astype(np.float32)


def _half_level(patch: Gray, centre: tuple[float, float], radius: float) -> float:
    """Return the brightness half way between the body and its surroundings."""
    distance = _distance(patch.shape, centre)
    inside = patch[distance <= max(1.0, radius * 0.5)]
    around = patch[(distance >= radius * 1.5) & (distance <= radius * 2.5)]
    return float(np.median(inside) + np.median(around)) / 2


def _body(patch: Gray, centre: tuple[float, float], level: float) -> _Body | None:
    bright = (patch > level).astype(np.uint8)
    _, labels, stats, centres = cv2.connectedComponentsWithStats(bright, connectivity=4)
    label = labels[round(centre[1]), round(centre[0])]
    if label == 0:
        return None
    left, top, width, height, area = (int(value) for value in stats[label])
    right, bottom = left + width, top + height
    if left == 0 or top == 0 or right == patch.shape[1] or bottom == patch.shape[0]:
        return None
    alone = (labels == label).astype(np.uint8)
    outline, _ = cv2.findContours(alone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    _, enclosing = cv2.minEnclosingCircle(outline[0])
    return _Body(
        (left, top, width, height),
        (float(centres[label][0]), float(centres[label][1])),
        float(np.sqrt(area / np.pi)),
        float(enclosing) + 0.5,
    )


def _score(
    image_shape: tuple[int, ...], patch: Gray, offset: tuple[int, int], body: _Body
) -> Region | None:
    if not _RADII[0] * 0.8 <= body.radius <= _RADII[-1] * 1.2:
        return None
    distance = _distance(patch.shape, body.centre)
    ring = (distance >= body.radius * 1.5) & (distance <= body.radius * 2.5)
    if not ring.any():
        return None
    inside = patch[distance <= body.radius * 0.7]
    contrast = float(inside.mean() - np.median(patch[ring]))
    if contrast <= 0:
        return None
    level = float(inside.mean()) - contrast / 2
    isolation = float((patch[ring] < level).mean())
    roundness = (body.radius / body.enclosing_radius) ** 2
    unevenness = float(inside.std()) / contrast
    score = (
        _rising(contrast, 0, _FULL_CONTRAST)
        * _rising(isolation, 0.6, 0.95)
        * _rising(roundness, 0.35, 0.75)
        * (1 - _rising(unevenness, 0.1, 0.4))
    )
    left, top = offset[0] + body.box[0], offset[1] + body.box[1]
    height, width = image_shape[:2]
    return Region(
        left / width,
        top / height,
        (left + body.box[2]) / width,
        (top + body.box[3]) / height,
        round(score, 4),
    )


def _rising(value: float, none: float, full: float) -> float:
    return min(max((value - none) / (full - none), 0.0), 1.0)


def _distinct(regions: list[Region]) -> list[Region]:
    """Drop each region whose centre lies in a better one."""
    kept: list[Region] = []
    for region in regions:
        x, y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
        if not any(k.x0 <= x <= k.x1 and k.y0 <= y <= k.y1 for k in kept):
            kept.append(region)
    return kept
