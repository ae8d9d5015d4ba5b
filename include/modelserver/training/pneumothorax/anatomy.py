"""Random chest anatomy as curves: outlines of the lungs, ribs, vessels, in a square of side 2.

x runs to the right of the picture, y downwards, both from -1 to 1. Everything here is drawn from
the random generator that is passed in, so that a seed names a patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Curve = NDArray[np.float64]
"""Points of shape (n, 2): x, y."""


@dataclass(frozen=True)
class LungShape:
    """One lung's closed outline, and the point where its vessels and airways enter."""

    outline: Curve
    hilum: Curve
    side: int
    """-1: at the left of the picture, 1: at the right."""


def smooth_closed(points: Curve, count: int = 240) -> Curve:
    """Return a closed spline through ``points``."""
    closed = np.vstack([points, points[:1]])
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    return CubicSpline(at, closed, bc_type="periodic")(
        np.linspace(0, at[-1], count, endpoint=False)
    )


def lung_shape(rng: np.random.Generator, side: int, widest: float, top: float) -> LungShape:
    """Draw a lung's outline through eight landmarks, each a little off its usual place."""
    base = rng.uniform(0.35, 0.72)
    landmarks = np.array(
        [
            [0.30, top],
            [0.62 * widest, top + 0.22],
            [0.88 * widest, top + 0.62],
            [0.98 * widest, 0.5 * (top + base) + 0.35],
            [1.00 * widest, base + 0.12],
            [0.55 * widest, base - rng.uniform(0.02, 0.12)],
            [0.14 + rng.uniform(0, 0.16), base],
            [0.12 + rng.uniform(0, 0.08), 0.0],
            [0.14, top + 0.35],
        ]
    )
    landmarks += rng.normal(0, 0.018, landmarks.shape)
    landmarks[:, 0] *= side
    hilum = np.array([side * rng.uniform(0.12, 0.2), rng.uniform(-0.12, 0.1)])
    return LungShape(smooth_closed(landmarks), hilum, side)


def collapsed_outline(rng: np.random.Generator, lung: LungShape) -> Curve:
    """Return the outline of the lung shrunk away from the chest wall: apex, side, or both."""
    away = lung.outline - lung.hilum
    angle = np.arctan2(-away[:, 1], away[:, 0] * lung.side)
    centre = rng.uniform(-0.1, 1.35)
    spread = rng.uniform(0.5, 1.5)
    depth = rng.uniform(0.1, 0.5)
    shrunk = depth * np.exp(-(((angle - centre) / spread) ** 2))
    for order in (2, 3, 5):
        shrunk *= 1 + rng.normal(0, 0.12 / order) * np.sin(order * angle + rng.uniform(0, 6))
    shrunk *= np.clip((angle + 1.3) / 0.5, 0, 1) * np.clip((2.0 - angle) / 0.5, 0, 1)
    return lung.hilum + away * (1 - np.clip(shrunk, 0, 0.75))[:, None]


def rib_curves(rng: np.random.Generator, widest: float, top: float) -> list[Curve]:
    """Return the courses of the ribs' backs and fronts on both sides."""
    turn = np.linspace(0, 1, 40)
    step, slope = rng.uniform(0.13, 0.19), rng.uniform(0.0, 0.3)
    curves = []
    for side in (-1, 1):
        for number in range(10):
            y0 = top - 0.12 + step * number
            reach = min(widest * (0.55 + 0.09 * number), 1.02 * widest)
            bend = rng.uniform(0.06, 0.16)
            back_y = y0 - bend * np.sin(np.pi * turn * 0.8) + slope * turn**2
            back = np.stack([side * (0.08 + (reach - 0.08) * np.sin(turn * np.pi / 2)), back_y], 1)
            drop = rng.uniform(0.25, 0.42)
            front_x = side * reach * (1 - turn * rng.uniform(0.45, 0.7))
            curves += [back, np.stack([front_x, back_y[-1] + drop * turn], 1)]
    return curves


def vessel_curves(rng: np.random.Generator, lung: LungShape) -> list[tuple[Curve, float]]:
    """Return branching courses from the hilum, each with its width at the start."""
    courses: list[tuple[Curve, float]] = []
    for angle in np.linspace(-1.4, 1.5, rng.integers(7, 13)):
        stem = _walk(rng, lung.hilum, angle + rng.normal(0, 0.15), lung.side, rng.integers(10, 20))
        width = rng.uniform(0.02, 0.04)
        courses.append((stem, width))
        for start in range(2, len(stem) - 3, int(rng.integers(2, 4))):
            heading = angle + rng.choice([-1, 1]) * rng.uniform(0.3, 0.9)
            branch = _walk(rng, stem[start], heading, lung.side, len(stem) - start)
            courses.append((branch, width * rng.uniform(0.35, 0.65)))
    return courses


def _walk(rng: np.random.Generator, start: Curve, heading: float, side: int, steps: int) -> Curve:
    headings = heading + np.cumsum(rng.normal(0, 0.1, steps))
    moves = 0.055 * np.stack([side * np.cos(headings), -np.sin(headings)], 1)
    return np.vstack([start, start + np.cumsum(moves, axis=0)])
