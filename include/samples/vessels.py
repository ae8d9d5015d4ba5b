"""The pulmonary vessels of the chest phantoms: a tree of tapering tubes out of each hilum.

All branches hang together and leave the hilum at a slant, so that no section through them looks
like a free round body, and none is thicker than 6 mm outside the hilum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HILUM_MM = {"right": (-34.0, 14.0, 68.0), "left": (38.0, 14.0, 72.0)}
_GENERATIONS = 6
_FIRST_LENGTH_MM, _FIRST_RADIUS_MM = 27.0, 3.0
_SHRINK = 0.80
"""Each generation is this much shorter and thinner than its parent, as in the human lung."""


@dataclass(frozen=True)
class Tube:
    """A straight piece of vessel between two points (x, y, z) in mm, tapering."""

    start_mm: tuple[float, float, float]
    end_mm: tuple[float, float, float]
    start_radius_mm: float
    end_radius_mm: float


def tree(
    side: str, *, seed: int, keep_clear: tuple[tuple[float, float, float], float]
) -> list[Tube]:
    """Return the vessels of one lung, none of which comes near the ``keep_clear`` sphere."""
    rng = np.random.default_rng([seed, len(side)])
    outward = -1.0 if side == "right" else 1.0
    root = np.array(HILUM_MM[side])
    tubes: list[Tube] = []
    directions = [
        (outward, y, z)
        for y, z in (
            (-0.9, 0.5),
            (0.9, 0.5),
            (-0.7, -0.7),
            (0.8, -0.8),
            (0.1, 0.1),
            (-0.1, 1.2),
            (0.2, -1.3),
        )
    ]
    for direction in directions:
        first = _Branch(root, np.array(direction), _FIRST_LENGTH_MM, _FIRST_RADIUS_MM)
        _grow(tubes, rng, first, _GENERATIONS)
    centre, clearance = np.array(keep_clear[0]), keep_clear[1]
    return [tube for tube in tubes if _distance_mm(tube, centre) > clearance]


@dataclass(frozen=True)
class _Branch:
    start_mm: np.ndarray
    direction: np.ndarray
    length_mm: float
    radius_mm: float


def _grow(tubes: list[Tube], rng: np.random.Generator, branch: _Branch, generations: int) -> None:
    """Add a branch and, at its end, two thinner ones that turn away; ``generations`` deep."""
    if not generations:
        return
    direction = branch.direction / np.linalg.norm(branch.direction)
    end = branch.start_mm + direction * branch.length_mm
    thinner_mm = branch.radius_mm * _SHRINK
    tubes.append(
        Tube(tuple(branch.start_mm.tolist()), tuple(end.tolist()), branch.radius_mm, thinner_mm)
    )
    for _ in range(2):
        turned = direction + rng.normal(0, 0.42, 3)
        length_mm = branch.length_mm * _SHRINK * rng.uniform(0.85, 1.15)
        _grow(tubes, rng, _Branch(end, turned, length_mm, thinner_mm), generations - 1)


def _distance_mm(tube: Tube, point: np.ndarray) -> float:
    start, end = np.array(tube.start_mm), np.array(tube.end_mm)
    along = np.clip((point - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    return float(np.linalg.norm(start + along * (end - start) - point))
