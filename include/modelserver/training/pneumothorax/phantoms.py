"""Radiograph phantoms of the training family: layers of drawn curves, half with a pneumothorax.

A family of its own: neither the sample studies nor the phantoms of the evaluation are made this
way. Half of the phantoms have a pneumothorax on one side; all may have what is mistaken for one:
skin folds, tubes, the edge of a scapula, lungs with few vessels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from training.pneumothorax.anatomy import (
    Curve,
    LungShape,
    collapsed_outline,
    lung_shape,
    rib_curves,
    smooth_closed,
    vessel_curves,
)

SIZE = 384
Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Phantom:
    """A radiograph (0..1, dense parts bright) and what is true of each of its pixels."""

    image: Plane
    lungs: NDArray[np.bool_]
    space: NDArray[np.bool_]
    """Where there is air and no lung."""
    line: NDArray[np.bool_]
    """The edge of the collapsed lung, as wide as it can be told apart."""


def phantom(seed: int) -> Phantom:
    """Make the phantom that ``seed`` names; odd ones have a pneumothorax."""
    rng = np.random.default_rng([1501, seed])
    widest, top = rng.uniform(0.68, 0.88), rng.uniform(-0.88, -0.68)
    shapes = [lung_shape(rng, side, widest * rng.uniform(0.93, 1.05), top) for side in (-1, 1)]
    sick = int(rng.integers(2)) if seed % 2 else None
    air, tissue = np.zeros((2, SIZE, SIZE), np.float32)
    lungs, space, line = np.zeros((3, SIZE, SIZE), bool)
    haze, vessels = rng.uniform(0.03, 0.2), rng.uniform(0.05, 0.2)
    for number, shape in enumerate(shapes):
        cavity = _filled(shape.outline)
        held = cavity
        if number == sick:
            held = _filled(collapsed_outline(rng, shape)) & cavity
            space |= ndimage.binary_opening(cavity & ~held, iterations=2)
            edge = _edge(held, cavity)
            line |= ndimage.binary_dilation(edge, iterations=2) & cavity
            tissue += _pleura(rng, edge)
        lungs |= cavity
        air += _rounded(rng, cavity)
        fullness = rng.uniform(0.5, 1.1)
        tissue += haze * fullness * _rounded(rng, held) * _mottle(rng)
        tissue += vessels * fullness * _vessels(rng, shape, held)
    air /= max(float(air.max()), 1e-6)
    image = _body(rng) - rng.uniform(0.4, 0.62) * air + tissue * rng.uniform(0.6, 1.0)
    image += _bones(rng, widest, top) + _middle(rng) + _distractors(rng, shapes)
    return _as_taken(rng, image, lungs, space, line)


def _filled(outline: Curve) -> NDArray[np.bool_]:
    drawn = Image.new("1", (SIZE, SIZE))
    ImageDraw.Draw(drawn).polygon(_pixels(outline), fill=1)
    return np.array(drawn)


def _pixels(curve: Curve) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (curve + 1) / 2 * (SIZE - 1)]


def _stroke(curve: Curve, width: float) -> Plane:
    """Return a curve drawn with a width in the square's units, edges soft."""
    drawn = Image.new("L", (SIZE, SIZE))
    pixels = max(1, round(width * SIZE / 2))
    ImageDraw.Draw(drawn).line(_pixels(curve), fill=255, width=pixels, joint="curve")
    return np.asarray(drawn, np.float32) / 255


def _edge(held: NDArray[np.bool_], cavity: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner = ndimage.binary_erosion(cavity, iterations=5)
    return held & ~ndimage.binary_erosion(held) & inner


def _pleura(rng: np.random.Generator, edge: NDArray[np.bool_]) -> Plane:
    soft = ndimage.gaussian_filter(edge.astype(np.float32), rng.uniform(0.5, 1.1))
    patchy = ndimage.gaussian_filter(rng.random((24, 24)), 1.5)
    patchy = ndimage.zoom(patchy / patchy.max(), SIZE / 24, order=1)
    return (soft / max(float(soft.max()), 1e-6) * rng.uniform(0.04, 0.16) * patchy).astype("f4")


def _rounded(rng: np.random.Generator, inside: NDArray[np.bool_]) -> Plane:
    """Return depth along the beam: little at the edge, most in the middle."""
    away = ndimage.distance_transform_edt(inside) / SIZE
    return (1 - np.exp(-away / rng.uniform(0.012, 0.05))).astype(np.float32)


def _mottle(rng: np.random.Generator) -> Plane:
    fine = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE), np.float32), 2.5)
    return 1 + fine / fine.std() * np.float32(rng.uniform(0.05, 0.2))


def _vessels(rng: np.random.Generator, shape: LungShape, held: NDArray[np.bool_]) -> Plane:
    total = np.zeros((SIZE, SIZE), np.float32)
    for course, width in vessel_curves(rng, shape):
        half = len(course) // 2
        total = np.maximum(total, _stroke(course[: half + 1], width))
        total = np.maximum(total, 0.7 * _stroke(course[half:], width * 0.6))
    fading = np.clip(ndimage.distance_transform_edt(held) / rng.uniform(4, 64), 0, 1)
    return (ndimage.gaussian_filter(total, 0.8) * fading).astype(np.float32)


def _body(rng: np.random.Generator) -> Plane:
    x, y = np.meshgrid(*2 * (np.linspace(-1, 1, SIZE, dtype=np.float32),))
    trunk = rng.uniform(0.92, 1.15) + 0.25 * np.clip(-0.55 - y, 0, 1)
    thick = np.clip(1 - np.abs(x / trunk) ** rng.uniform(4, 9), 0, 1)
    return rng.uniform(0.6, 0.75) * thick + rng.uniform(-0.08, 0.1) * y * thick


def _bones(rng: np.random.Generator, widest: float, top: float) -> Plane:
    total = np.zeros((SIZE, SIZE), np.float32)
    bright, width = rng.uniform(0.04, 0.16), rng.uniform(0.045, 0.075)
    for curve in rib_curves(rng, widest, top):
        outer, inner = _stroke(curve, width), _stroke(curve, width * 0.7)
        total += bright * rng.uniform(0.6, 1.1) * (outer - rng.uniform(0.2, 0.6) * inner)
    for side in (-1, 1):
        bend = np.linspace(0, 1, 30)
        y = top + rng.uniform(0.02, 0.2) - 0.16 * bend + 0.05 * np.sin(6 * bend)
        clavicle = np.stack([side * (0.08 + 0.75 * bend), y], 1)
        total += bright * 1.3 * _stroke(clavicle, width * 1.1)
    return ndimage.gaussian_filter(total, rng.uniform(0.5, 1.2))


def _middle(rng: np.random.Generator) -> Plane:
    """Return heart, great vessels and spine."""
    x, y = np.meshgrid(*2 * (np.linspace(-1, 1, SIZE, dtype=np.float32),))
    heart_x, heart_y = rng.uniform(0.02, 0.2), rng.uniform(0.15, 0.4)
    heart = ((x - heart_x) / rng.uniform(0.25, 0.42)) ** 2 + ((y - heart_y) / 0.34) ** 2
    trunk = (np.abs(x) / rng.uniform(0.13, 0.22)) ** 4
    total = rng.uniform(0.2, 0.4) * np.clip(1.15 - heart, 0, 0.6)
    total += rng.uniform(0.2, 0.4) * np.clip(1 - trunk, 0, 0.8)
    return ndimage.gaussian_filter(total.astype(np.float32), rng.uniform(1, 3))


def _distractors(rng: np.random.Generator, shapes: list[LungShape]) -> Plane:
    total = np.zeros((SIZE, SIZE), np.float32)
    for shape in shapes:
        if rng.random() < 0.35:
            total += _fold(rng, shape)
        if rng.random() < 0.5:
            total += _scapula(rng, shape)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        ends = rng.uniform(-0.9, 0.9, (4, 2))
        tube = smooth_closed(ends)[: rng.integers(80, 220)]
        total += rng.uniform(0.05, 0.3) * _stroke(tube, rng.uniform(0.004, 0.025))
    if rng.random() < 0.7:
        x, y = rng.choice([-1, 1]) * rng.uniform(0.75, 0.93), rng.uniform(-0.95, -0.7)
        mark = np.array([[x, y], [x, y + 0.09], [x + 0.05, y + 0.09]])
        total += 0.6 * _stroke(mark, 0.02)
    return ndimage.gaussian_filter(total, rng.uniform(0.4, 0.9))


def _fold(rng: np.random.Generator, shape: LungShape) -> Plane:
    """Return a fold of skin: an edge, not a line, with vessels on both of its sides."""
    x = shape.side * rng.uniform(0.3, 0.62)
    ys = np.linspace(rng.uniform(-0.7, -0.3), rng.uniform(0.1, 0.7), 30)
    xs = x + shape.side * rng.uniform(-0.25, 0.3) * (ys - ys[0]) + rng.normal(0, 0.01)
    wide = rng.uniform(0.05, 0.25)
    ribbon = np.vstack([np.stack([xs, ys], 1), np.stack([xs - shape.side * wide, ys], 1)[::-1]])
    mask = _filled(ribbon)
    ramp = np.exp(-ndimage.distance_transform_edt(mask) / (wide * SIZE * 0.2)) * mask
    return (rng.uniform(0.03, 0.1) * ramp).astype(np.float32)


def _scapula(rng: np.random.Generator, shape: LungShape) -> Plane:
    top, bottom = rng.uniform(-0.75, -0.5), rng.uniform(-0.1, 0.3)
    x0, x1 = rng.uniform(0.5, 0.75), rng.uniform(0.55, 0.85)
    blade = shape.side * np.array([[x0, 0], [x1, 0], [1.1, 0], [1.1, 0]])
    blade[:, 1] = [top, bottom, bottom - 0.2, top]
    return _filled(blade).astype(np.float32) * np.float32(rng.uniform(0.03, 0.1))


def _as_taken(
    rng: np.random.Generator,
    image: Plane,
    lungs: NDArray[np.bool_],
    space: NDArray[np.bool_],
    line: NDArray[np.bool_],
) -> Phantom:
    """Turn, stretch, blur and add noise, as positioning, detector and display do."""
    turn = np.deg2rad(rng.uniform(-6, 6))
    scale = np.array([rng.uniform(0.85, 1.2), rng.uniform(0.85, 1.2)])
    matrix = (
        np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / scale[:, None]
    )
    middle = np.array([SIZE, SIZE]) / 2
    offset = middle - matrix @ (middle + rng.uniform(-0.04, 0.04, 2) * SIZE)

    def moved(plane: Plane, order: int) -> Plane:
        return ndimage.affine_transform(plane, matrix, offset, order=order, mode="nearest")

    taken = ndimage.gaussian_filter(moved(image.astype(np.float32), 1), rng.uniform(0.2, 0.8))
    taken = np.clip(taken, 0, None) ** rng.uniform(0.75, 1.3)
    noise = rng.standard_normal(taken.shape, np.float32)
    taken += rng.uniform(0.003, 0.025) * ndimage.gaussian_filter(noise, rng.uniform(0.3, 0.7))
    low, high = np.quantile(taken, [0.002, 0.998])
    taken = np.clip((taken - low) / (high - low), 0, 1)
    if rng.random() < 0.25:
        frame = int(rng.uniform(0.01, 0.06) * SIZE)
        taken[:frame], taken[-frame:], taken[:, :frame], taken[:, -frame:] = 0, 0, 0, 0
    masks = (moved(plane.astype(np.uint8), 0).astype(bool) for plane in (lungs, space, line))
    return Phantom(taken.astype(np.float32), *masks)
