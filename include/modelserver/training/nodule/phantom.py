"""One lung in Hounsfield units for training: vessels, bronchi, fissures, a wall, and nodules.

Everything is painted on a grid of ``GRID_MM`` cubes with the shapes' coverage at each voxel,
blurred as a scanner does, cut into slices and covered with noise. Positions are (z, y, x) in mm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelserver.detectors.volumes import Volume, resampled, smoothed
from training.nodule import scanner

GRID_MM = 0.8
EXTENT_MM = np.array([100.0, 160.0, 124.0])
_TISSUE_HU, _FAT_HU, _AIR_HU = 40.0, -100.0, -1000.0


@dataclass(frozen=True)
class Truth:
    """A nodule: its middle in mm from the first voxel's centre and its ball's diameter."""

    centre_mm: np.ndarray
    diameter_mm: float


@dataclass(frozen=True)
class Phantom:
    """A volume as a detector gets it, and the nodules in it."""

    volume_hu: Volume
    spacing_mm: tuple[float, float, float]
    nodules: tuple[Truth, ...]


@dataclass
class Canvas:
    """The grid under paint and the random numbers it is painted with."""

    hu: Volume
    rng: np.random.Generator

    def paint(
        self,
        centre_mm: np.ndarray,
        reach_mm: float | np.ndarray,
        depth_mm: Callable[[np.ndarray], np.ndarray],
        value_hu: float,
        soft_mm: float = GRID_MM,
    ) -> float:
        """Mix a shape in whose surface is ``depth_mm`` = 0; return its volume in mm³."""
        low = np.maximum(np.floor((centre_mm - reach_mm) / GRID_MM).astype(int), 0)
        high = np.minimum(np.ceil((centre_mm + reach_mm) / GRID_MM).astype(int) + 1, self.hu.shape)
        if (low >= high).any():
            return 0.0
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        axes = [np.arange(a, b, dtype=np.float32) * GRID_MM for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - centre_mm.astype(np.float32)
        cover = np.clip(depth_mm(grid) / soft_mm + 0.5, 0, 1).astype(np.float32)
        self.hu[box] += cover * (value_hu - self.hu[box])
        return float(cover.sum()) * GRID_MM**3


def make(seed: int) -> Phantom:
    """Return the phantom of ``seed``, always the same one."""
    rng = np.random.default_rng([20260201, seed])
    shape = tuple((EXTENT_MM / GRID_MM).astype(int))
    canvas = Canvas(np.full(shape, _TISSUE_HU, np.float32), rng)
    lung = _lung(canvas)
    depth = _depth_map(canvas, lung)
    _air(canvas, depth)
    joints = _vessels(canvas, lung)
    _fissure(canvas, lung)
    _bronchi(canvas, lung)
    nodules: list[Truth] = []
    for _ in range(rng.integers(1, 9)):
        nodules += _nodule(canvas, lung, joints, nodules)
    _wall(canvas, depth)
    volume, spacing_mm = scanner.scanned(canvas.hu, GRID_MM, rng)
    return Phantom(volume, spacing_mm, tuple(nodules))


@dataclass(frozen=True)
class _Lung:
    centre: np.ndarray
    radii: np.ndarray
    power: float
    dome_mm: float

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Return about how deep in the lung points lie, (…, 3) -> (…), in mm."""
        scaled = np.abs((points - self.centre) / self.radii)
        radius = (scaled**self.power).sum(axis=-1) ** (1 / self.power)
        across = ((points - self.centre)[..., 1:] / self.radii[1:]) ** 2
        floor = points[..., 0] - self.dome_mm * (1 - across.sum(axis=-1))
        return np.minimum((1 - radius) * self.radii.min(), floor)


def _lung(canvas: Canvas) -> _Lung:
    rng = canvas.rng
    radii = np.array([rng.uniform(85, 150), rng.uniform(60, 75), rng.uniform(44, 56)])
    centre = EXTENT_MM / 2 + np.array([rng.uniform(-30, 10), *rng.uniform(-3, 3, 2)])
    return _Lung(centre, radii, rng.uniform(2.0, 2.8), rng.uniform(-20, 35))


def _air(canvas: Canvas, depth: Volume) -> None:
    """Fill the lung: denser to the back, and cloudy."""
    rng = canvas.rng
    density = rng.uniform(-900, -780)
    slope = rng.uniform(0, 0.8)
    coarse = rng.standard_normal([int(n / 8) + 2 for n in canvas.hu.shape]).astype(np.float32)
    clouds = resampled(smoothed(coarse, 1.0), (8.0,) * 3, (0.0,) * 3, canvas.hu.shape, 1.0)
    content = density + clouds / clouds.std() * rng.uniform(3, 20)
    content += (np.arange(content.shape[1]) * GRID_MM - EXTENT_MM[1] / 2)[None, :, None] * slope
    cover = np.clip(depth / GRID_MM + 0.5, 0, 1)
    canvas.hu += cover * (content - canvas.hu)


def _depth_map(canvas: Canvas, lung: _Lung) -> Volume:
    """Return the depth at each voxel, interpolated from every second one."""
    shape = tuple(n // 2 + 1 for n in canvas.hu.shape)
    points = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1)
    coarse = lung.depth(points.astype(np.float32) * np.float32(2 * GRID_MM)).astype(np.float32)
    return resampled(coarse, (2.0,) * 3, (0.0,) * 3, canvas.hu.shape, 1.0)


def _vessels(canvas: Canvas, lung: _Lung) -> list[tuple[np.ndarray, float]]:
    """Paint trees out of the hilum; return the ends of branches with the radii there."""
    rng = canvas.rng
    side = -1.0 if rng.random() < 0.5 else 1.0
    hilum = lung.centre + np.array([rng.uniform(-15, 20), 8.0, side * lung.radii[2] * 0.8])
    hilum[0] = np.clip(hilum[0], 30, EXTENT_MM[0] - 30)
    joints: list[tuple[np.ndarray, float]] = []
    queue = []
    for _ in range(rng.integers(8, 16)):
        way = rng.normal(0, 0.9, 3) + np.array([0, 0, -1.2 * side])
        root = hilum + rng.normal(0, 1, 3) * [10, 7, 3]
        queue.append((root, way, rng.uniform(14, 32), rng.uniform(1.8, 4.5), 0))
    blood = rng.uniform(20, 180)
    while queue:
        start, way, length, radius, generation = queue.pop()
        way = way / np.linalg.norm(way)
        end = start + way * length
        thin = radius * rng.uniform(0.68, 0.9)
        if lung.depth(end) < 3 or radius < 0.45:
            continue
        _Tube(start, end, radius, thin).painted(canvas, blood)
        joints.append((end, thin))
        if generation < 7:
            for _ in range(rng.choice([1, 2, 2, 2, 3])):
                turned = way + rng.normal(0, rng.uniform(0.3, 0.6), 3)
                shorter = length * rng.uniform(0.65, 0.95)
                queue.append((end, turned, shorter, thin * rng.uniform(0.8, 1), generation + 1))
    return joints


@dataclass(frozen=True)
class _Tube:
    start: np.ndarray
    end: np.ndarray
    radius: float
    thin: float

    def painted(self, canvas: Canvas, value_hu: float) -> None:
        """Paint a tube that tapers from ``radius`` at its start to ``thin`` at its end."""
        axis = self.end - self.start
        square = float(axis @ axis)

        def depth(points: np.ndarray) -> np.ndarray:
            along = np.clip(points @ axis.astype(np.float32) / square + 0.5, 0, 1)
            gap = points - (along[..., None] - 0.5) * axis.astype(np.float32)
            width = self.radius + along * (self.thin - self.radius)
            return width - np.sqrt((gap**2).sum(axis=-1))

        reach = np.abs(axis) / 2 + self.radius + 1
        canvas.paint((self.start + self.end) / 2, reach, depth, value_hu)


def _fissure(canvas: Canvas, lung: _Lung) -> None:
    rng = canvas.rng
    for _ in range(rng.integers(0, 3)):
        normal = rng.normal(0, 1, 3)
        normal /= np.linalg.norm(normal)
        middle = lung.centre * [0, 1, 1] + [rng.uniform(20, 90), 0, 0]
        half, bend = rng.uniform(0.2, 0.7), rng.uniform(-0.004, 0.004)

        def depth(
            points: np.ndarray,
            normal: np.ndarray = normal,
            half: float = half,
            bend: float = bend,
        ) -> np.ndarray:
            along = points @ normal.astype(np.float32)
            aside = (points**2).sum(axis=-1) - along**2
            return half - np.abs(along + bend * aside)

        canvas.paint(middle, np.array([60.0, 75.0, 60.0]), depth, rng.uniform(-500, 0))


def _bronchi(canvas: Canvas, lung: _Lung) -> None:
    """Paint airways: tubes with a wall and air in it."""
    rng = canvas.rng
    for _ in range(rng.integers(2, 9)):
        start = lung.centre + rng.uniform(-0.5, 0.5, 3) * lung.radii
        way = rng.normal(0, 1, 3)
        end = start + way / np.linalg.norm(way) * rng.uniform(12, 35)
        if lung.depth(end) < 4 or lung.depth(start) < 4:
            continue
        radius = rng.uniform(1.2, 4)
        wall = rng.uniform(0.5, 1.2)
        _Tube(start, end, radius + wall, radius * 0.8 + wall).painted(canvas, rng.uniform(-200, 40))
        _Tube(start, end, radius, radius * 0.8).painted(canvas, _AIR_HU)


def _nodule(
    canvas: Canvas, lung: _Lung, joints: list[tuple[np.ndarray, float]], others: list[Truth]
) -> list[Truth]:
    """Paint a bumpy ellipsoid: free, on a vessel or on the pleura; none where there is no room."""
    rng = canvas.rng
    radius = float(np.exp(rng.uniform(np.log(2.1), np.log(14))))
    centre = _place(canvas, lung, joints, radius)
    if centre is None or any(
        np.linalg.norm(centre - other.centre_mm) < radius * 1.3 + other.diameter_mm / 2 + 3
        for other in others
    ):
        return []
    axes = radius * np.exp(rng.normal(0, 0.13, 3))
    turn = np.linalg.qr(rng.normal(0, 1, (3, 3)))[0].astype(np.float32)
    waves = rng.normal(0, 2.2, (5, 3)).astype(np.float32)
    phases = rng.uniform(0, 6.3, 5)
    height = rng.uniform(0, 0.09)

    def depth(points: np.ndarray) -> np.ndarray:
        turned = points @ turn / axes.astype(np.float32)
        length = np.sqrt((turned**2).sum(axis=-1)) + 1e-6
        bumps = sum(
            np.sin(turned / length[..., None] @ w + p) for w, p in zip(waves, phases, strict=True)
        )
        return (1 + height * bumps - length) * radius

    solid = rng.random() < 0.75
    value = rng.uniform(-50, 120) if solid else rng.uniform(-620, -250)
    soft = GRID_MM * rng.uniform(1, 2.5 if solid else 4)
    volume = canvas.paint(centre, axes.max() * 1.5 + 2, depth, value, soft)
    return [Truth(centre, float((volume * 6 / np.pi) ** (1 / 3)))]


def _place(
    canvas: Canvas, lung: _Lung, joints: list[tuple[np.ndarray, float]], radius: float
) -> np.ndarray | None:
    rng = canvas.rng
    kind = rng.choice(["free", "vessel", "pleura"], p=[0.45, 0.3, 0.25])
    for _ in range(60):
        centre = rng.uniform(0.05, 0.95, 3) * EXTENT_MM
        if kind == "vessel" and joints:
            joint, thickness = joints[rng.integers(len(joints))]
            way = rng.normal(0, 1, 3)
            centre = joint + way / np.linalg.norm(way) * rng.uniform(0, radius + thickness)
            if thickness > radius * 0.6:
                continue
        depth = float(lung.depth(centre))
        near = (0.35 * radius, radius) if kind == "pleura" else (radius + 2.5, np.inf)
        margin = np.minimum(centre, EXTENT_MM - centre).min()
        if near[0] < depth < near[1] and margin > radius + 3:
            return centre
    return None


def _wall(canvas: Canvas, depth: Volume) -> None:
    """Put everything outside the lung back, with bumps, ribs and fat; it covers what stuck out."""
    rng = canvas.rng
    grid = [np.arange(n, dtype=np.float32) * GRID_MM for n in canvas.hu.shape]
    z, y, x = grid[0][:, None, None], grid[1][None, :, None], grid[2][None, None, :]
    outside = np.clip(0.5 - depth / GRID_MM, 0, 1)
    pitch = rng.uniform(20, 30)
    ribs = np.mod(z + 0.4 * y + rng.uniform(0, pitch), pitch) < rng.uniform(6, 12)
    layer = (depth < -3) & (depth > -10)
    value = np.where(layer & ribs, rng.uniform(150, 700), _TISSUE_HU).astype(np.float32)
    value[(depth <= -14)] = _FAT_HU
    canvas.hu += outside * (value - canvas.hu)
    bumps = rng.uniform(0, 1.6) * np.sin(z / rng.uniform(4, 14)) * np.sin((x + y) / 9)
    canvas.hu += np.clip(0.5 - (depth - bumps - 0.5) / GRID_MM, 0, 1) * (
        np.maximum(canvas.hu, _TISSUE_HU) - canvas.hu
    )
