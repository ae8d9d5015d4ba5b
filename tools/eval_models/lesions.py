"""Nodules of the evaluation: ellipsoids, lobulated, spiculated and part-solid ones.

Each is a density share between 0 and 1 as a function of the position from its middle, in mm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

KINDS = ("ellipsoid", "lobulated", "spiculated", "part-solid")
_SOFT_MM = 0.7
_FINE = 44

Share = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Lesion:
    """A nodule at ``centre_mm``; its diameter is that of the ball of the same volume."""

    kind: str
    centre_mm: np.ndarray
    diameter_mm: float
    reach_mm: float
    share: Share
    density_hu: float
    core: Share | None


def make(rng: np.random.Generator, kind: str, size_mm: float, centre_mm: np.ndarray) -> Lesion:
    """Return a lesion about ``size_mm`` wide; its volume and middle are measured afterwards."""
    radius = size_mm / 2
    core = None
    density = float(rng.uniform(-20, 90))
    if kind == "lobulated":
        share = _lobes(rng, radius)
    elif kind == "spiculated":
        share = _spicules(rng, radius)
    else:
        share = _ellipsoid(rng, radius, soft_mm=_SOFT_MM if kind == "ellipsoid" else 1.2)
    if kind == "part-solid":
        offset = rng.normal(0, 0.12, 3) * radius
        inner = _ellipsoid(rng, radius * rng.uniform(0.45, 0.65), soft_mm=_SOFT_MM)

        def core(points: np.ndarray) -> np.ndarray:
            return inner(points - offset.astype(np.float32))

        density = float(rng.uniform(-560, -380))
    reach = radius * 2 + 2
    middle, volume = _measured(share, reach)
    return Lesion(
        kind,
        centre_mm + middle,
        float((6 * volume / np.pi) ** (1 / 3)),
        reach,
        lambda points: share(points + middle.astype(np.float32)),
        density,
        None if core is None else lambda points: core(points + middle.astype(np.float32)),
    )


def _measured(share: Share, reach_mm: float) -> tuple[np.ndarray, float]:
    step = 2 * reach_mm / _FINE
    axis = (np.arange(_FINE) + 0.5) * step - reach_mm
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).astype(np.float32)
    weight = share(grid)
    return (grid * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum(), weight.sum() * step**3


def _edge(depth_mm: np.ndarray, soft_mm: float) -> np.ndarray:
    return 1 / (1 + np.exp(np.clip(-4 * depth_mm / soft_mm, -40, 40)))


def _ellipsoid(rng: np.random.Generator, radius: float, soft_mm: float) -> Share:
    axes = radius * np.array([rng.uniform(0.78, 1.0), 1.0, rng.uniform(1.0, 1.2)])
    axes *= radius / axes.prod() ** (1 / 3)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = (turn / axes).astype(np.float32)

    def share(points: np.ndarray) -> np.ndarray:
        return _edge((1 - np.linalg.norm(points @ matrix, axis=-1)) * radius, soft_mm)

    return share


def _lobes(rng: np.random.Generator, radius: float) -> Share:
    """Return a sum of Gaussian bells cut at one level: balls that melt into each other."""
    count = int(rng.integers(3, 6))
    middles = rng.normal(size=(count, 3))
    middles *= 0.5 * radius / np.linalg.norm(middles, axis=1, keepdims=True)
    widths = radius * rng.uniform(0.5, 0.68, count)

    def share(points: np.ndarray) -> np.ndarray:
        field = sum(
            np.exp(-((points - middle.astype(np.float32)) ** 2).sum(axis=-1) / width**2)
            for middle, width in zip(middles, widths, strict=True)
        )
        return _edge(np.log(np.maximum(field, 1e-6) / 0.45) * radius * 0.35, _SOFT_MM)

    return share


def _spicules(rng: np.random.Generator, radius: float) -> Share:
    ways = rng.normal(size=(int(rng.integers(6, 13)), 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    lengths = radius * rng.uniform(1.3, 1.8, len(ways))
    body = radius * 0.93

    def share(points: np.ndarray) -> np.ndarray:
        from_middle = np.linalg.norm(points, axis=-1)
        depth = body - from_middle
        for way, length in zip(ways, lengths, strict=True):
            along = points @ way.astype(np.float32)
            aside = np.sqrt(np.maximum(from_middle**2 - along**2, 0))
            cone = np.clip(1 - along / length, 0, 1) * radius * 0.3
            depth = np.maximum(depth, np.where(along > 0, cone - aside - 0.05, -radius))
        return _edge(depth, _SOFT_MM)

    return share
