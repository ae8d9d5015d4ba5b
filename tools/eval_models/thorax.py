"""The evaluation's chest: a body cut by heart, diaphragm and spine, with winding vessels.

Shares no shape, no drawing code and no random field with the phantoms that trained the model.
World coordinates are (z, y, x) in mm: z to the head, y to the back, x to the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tools.eval_models import lesions, scanner
from tools.eval_models.lesions import Lesion
from tools.eval_models.scanner import Lattice, Protocol

_ROOM_HU, _FAT_HU, _MUSCLE_HU, _BLOOD_HU = -1000.0, -105.0, 50.0, 45.0
_BODY_MM = (108.0, 150.0)
_LARGEST_LESION_MM, _SMALLEST_LESION_MM = 24.0, 4.0
_SUB_SLICE_MM = 0.9


@dataclass(frozen=True)
class Scan:
    """A scanned phantom and the truth about it."""

    volume_hu: np.ndarray
    protocol: Protocol
    lattice: Lattice
    lesions: tuple[Lesion, ...]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Return what a detector is told: the distance of slices, rows and columns."""
        return (self.protocol.spacing_mm, *self.protocol.pixel_mm)


@dataclass(frozen=True)
class _Anatomy:
    dome_mm: np.ndarray
    heart_mm: np.ndarray
    heart_radius_mm: float
    apex_mm: float
    ripple: np.ndarray

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Return about how far below the pleura points lie, in mm; negative in tissue."""
        z, y, x = np.moveaxis(points, -1, 0)
        narrow = 1 - 0.55 * np.clip((z - 40) / self.apex_mm, 0, 1) ** 2
        wave = 1 + self.ripple[0] * np.sin(3 * np.arctan2(y, x) + self.ripple[1])
        chest = (1 - np.sqrt((x / (128 * wave)) ** 2 + (y / 88) ** 2) / narrow) * 88
        middle = np.abs(x + 6) - 24 - 10 * np.exp(-((y - 20) ** 2) / 900)
        heart = np.sqrt(
            (z - self.heart_mm[0]) ** 2 + (y - self.heart_mm[1]) ** 2 + (x - self.heart_mm[2]) ** 2
        )
        spine = np.hypot(y - 84, x) - 34
        side = np.where(x < 0, self.dome_mm[0], self.dome_mm[1])
        floor = z - side + ((np.abs(x) - 70) ** 2 + (y - 5) ** 2) / 110
        depth = np.minimum(chest, middle)
        for other in (heart - self.heart_radius_mm, spine, floor * 0.8):
            depth = np.minimum(depth, other)
        return depth


def make(seed: int) -> Scan:
    """Return the scan of ``seed``, always the same one: 0 to 5 nodules."""
    rng = np.random.default_rng([77, seed])
    protocol = scanner.draw(rng)
    parts = int(np.ceil(protocol.spacing_mm / _SUB_SLICE_MM))
    slices = int(rng.uniform(60, 90) / protocol.spacing_mm)
    pad = int(np.ceil(protocol.thickness_mm / protocol.spacing_mm * parts / 2)) + 1
    tilt = float(np.radians(protocol.tilt_degrees))
    shape = tuple(int(2 * half / p) for half, p in zip(_BODY_MM, protocol.pixel_mm, strict=True))
    sub_mm = protocol.spacing_mm / parts
    climb = shape[0] * protocol.pixel_mm[0] * np.sin(tilt) / 2
    fine = Lattice(
        ((slices - 1) * parts + 1 + 2 * pad, *shape),
        sub_mm,
        protocol.pixel_mm,
        tilt,
        np.array([-55.0 - pad * sub_mm - climb, -_BODY_MM[0], -_BODY_MM[1]]),
    )
    anatomy = _Anatomy(
        rng.uniform(-75, -35, 2),
        np.array([rng.uniform(-45, -5), rng.uniform(-35, -20), rng.uniform(20, 35)]),
        float(rng.uniform(38, 52)),
        float(rng.uniform(70, 110)),
        np.array([rng.uniform(0, 0.05), rng.uniform(0, 6.3)]),
    )
    hu = _tissue(fine, anatomy, rng)
    tracks = _paint_vessels(hu, fine, anatomy, rng)
    found = _paint_lesions(hu, fine, anatomy, tracks, rng)
    volume = scanner.acquire(hu, parts, slices, protocol, rng)
    start = fine.world(np.array([pad, 0, 0]))
    lattice = Lattice(volume.shape, protocol.spacing_mm, protocol.pixel_mm, tilt, start)
    return Scan(volume, protocol, lattice, found)


def _tissue(lattice: Lattice, anatomy: _Anatomy, rng: np.random.Generator) -> np.ndarray:
    """Return body and lungs, with a band of scar, a fissure and plaques on the pleura.

    Depths and densities are computed on every second row and column and interpolated; they are
    turned into edges on the full grid.
    """
    hu = np.empty(lattice.shape, np.float32)
    rows, columns = (np.arange(0, n + 1, 2) for n in lattice.shape[1:])
    up, across = (
        np.stack([np.interp(np.arange(n), knots, line) for line in np.eye(len(knots))], axis=1)
        for n, knots in zip(lattice.shape[1:], (rows, columns), strict=True)
    )
    up, across = up.astype(np.float32), across.T.astype(np.float32)
    aerated, gradient = rng.uniform(-890, -800), rng.uniform(0.1, 0.6)
    phases, waves = rng.uniform(0, 6.3, 5), rng.normal(0, 0.09, (5, 3)).astype(np.float32)
    fissure = np.array([rng.uniform(0.6, 1.4), rng.uniform(-20, 30)])
    scar, scar_at = rng.normal(size=3), rng.uniform(-0.6, 0.6, 3) * [30, 60, 90]
    scar = (scar / np.linalg.norm(scar)).astype(np.float32)
    plaques = np.stack([rng.uniform(-50, 60, 4), rng.uniform(-3.1, 3.1, 4)], axis=1)
    grid = np.stack(np.meshgrid([0.0], rows, columns, indexing="ij"), axis=-1)
    for index in range(len(hu)):
        grid[..., 0] = index
        points = lattice.world(grid)[0].astype(np.float32)
        z, y, x = np.moveaxis(points, -1, 0)
        depth = anatomy.depth(points)
        angle = np.arctan2(y, x)
        for at, turn in plaques:
            near = (z - at) ** 2 / 120 + (angle - turn) ** 2 / 0.02
            depth = depth - 2.5 * np.exp(-near)
        body = (1 - np.hypot(y / 104, x / 146)) * 104
        texture = sum(
            np.sin(points @ wave + phase) for wave, phase in zip(waves, phases, strict=True)
        )
        lung = aerated + gradient * (y + 80) + 6 * texture
        lung += 260 * np.clip(1.2 - np.abs(z - fissure[1] - fissure[0] * y * 0.7) / 1.6, 0, 1)
        from_scar = points - scar_at.astype(np.float32)
        band = 1.4 - np.abs(from_scar @ scar)
        band = np.minimum(band, 22 - np.linalg.norm(from_scar, axis=-1))
        lung += np.clip(band, 0, 1) * 500
        rib = np.minimum(
            5 - np.abs(np.mod(z - 0.5 * np.abs(x) + 0.3 * y, 27) - 13), 5 - np.abs(body - 9)
        )
        depth, body, lung, rib = (
            up @ field.astype(np.float32) @ across for field in (depth, body, lung, rib)
        )
        plane = np.where(body > 0, np.where(body > 7, _MUSCLE_HU, _FAT_HU), _ROOM_HU)
        plane = np.where((rib > 0) & (depth < -2), 380.0, plane)
        plane += np.clip(depth / 0.7 + 0.5, 0, 1) * (lung - plane)
        hu[index] = plane
    return hu


def _paint(
    hu: np.ndarray, lattice: Lattice, centre: np.ndarray, reach: float, shares: list
) -> None:
    """Raise the densities in a box to those of (share, density) pairs where they are denser."""
    part = lattice.box(centre, reach)
    if part is None:
        return
    box, away = part
    for share, density in shares:
        weight = share(away)
        target = hu[box] + weight * (density - hu[box])
        hu[box] = np.maximum(hu[box], target)


def _paint_vessels(
    hu: np.ndarray, lattice: Lattice, anatomy: _Anatomy, rng: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Let vessels wander from the hila and fork, each a string of beads; return some places."""
    blood = float(rng.uniform(30, 160))
    tracks: list[tuple[np.ndarray, float]] = []
    active = []
    for side in (-1.0, 1.0):
        for _ in range(int(rng.integers(8, 13))):
            start = np.array([rng.uniform(-12, 18), rng.uniform(5, 25), side * 34 - 6])
            way = np.array([rng.normal(0, 0.8), rng.normal(0, 0.8), side])
            active.append((start, way / np.linalg.norm(way), rng.uniform(2.5, 4.0), False))
    while active:
        at, way, radius, with_airway = active.pop()
        travelled = 0.0
        fork_at = rng.uniform(10, 26)
        bend = rng.normal(0, 0.05, 3)
        while travelled < fork_at and radius > 0.6 and anatomy.depth(at) > -14:
            step = max(0.9 * radius, 0.9)
            way = way + bend * step + rng.normal(0, 0.05, 3)
            way /= np.linalg.norm(way)
            at = at + way * step
            travelled += step
            radius *= 1 - 0.008 * step
            _bead(hu, lattice, at, radius, blood)
            if anatomy.depth(at) > 5:
                tracks.append((at, radius))
        if radius > 0.6 and travelled >= fork_at:
            turn = np.cross(way, rng.normal(size=3))
            turn /= np.linalg.norm(turn)
            share = rng.uniform(0.35, 0.65)
            for sign, part in ((1, share), (-1, 1 - share)):
                angle = rng.uniform(0.25, 0.7)
                new = way * np.cos(angle) + sign * turn * np.sin(angle)
                active.append((at, new, radius * part ** (1 / 2.8), with_airway))
    return tracks


def _bead(hu: np.ndarray, lattice: Lattice, at: np.ndarray, radius: float, blood: float) -> None:
    def share(points: np.ndarray) -> np.ndarray:
        return np.clip((radius - np.linalg.norm(points, axis=-1)) / 0.6 + 0.5, 0, 1)

    _paint(hu, lattice, at, radius + 0.5, [(share, blood)])


def _paint_lesions(
    hu: np.ndarray,
    lattice: Lattice,
    anatomy: _Anatomy,
    tracks: list[tuple[np.ndarray, float]],
    rng: np.random.Generator,
) -> tuple[Lesion, ...]:
    placed: list[Lesion] = []
    for _ in range(int(rng.integers(0, 6))):
        size = float(np.exp(rng.uniform(np.log(_SMALLEST_LESION_MM), np.log(_LARGEST_LESION_MM))))
        where = rng.choice(["free", "vessel", "pleura"], p=[0.5, 0.25, 0.25])
        for _ in range(200):
            centre = _candidate(lattice, tracks, size, where, rng)
            depth = float(anatomy.depth(centre))
            least, most = (0.3 * size, 0.55 * size) if where == "pleura" else (size / 2 + 2, 200.0)
            apart = all(
                np.linalg.norm(centre - other.centre_mm) > (size + other.diameter_mm) / 2 + 4
                for other in placed
            )
            if least < depth < most and apart and _fits(lattice, centre, size):
                kind = str(rng.choice(lesions.KINDS))
                lesion = lesions.make(rng, kind, size, centre)
                shares = [(lesion.share, lesion.density_hu)]
                if lesion.core:
                    shares.append((lesion.core, 40.0))
                _paint(hu, lattice, lesion.centre_mm, lesion.reach_mm, shares)
                placed.append(lesion)
                break
    return tuple(placed)


def _candidate(
    lattice: Lattice,
    tracks: list[tuple[np.ndarray, float]],
    size: float,
    where: str,
    rng: np.random.Generator,
) -> np.ndarray:
    if where == "vessel" and tracks:
        at, radius = tracks[int(rng.integers(len(tracks)))]
        way = rng.normal(size=3)
        return at + way / np.linalg.norm(way) * (
            size / 2 + min(radius, size / 4) * rng.uniform(0, 1)
        )
    return lattice.world(rng.uniform(0, 1, 3) * lattice.shape)


def _fits(lattice: Lattice, centre: np.ndarray, size: float) -> bool:
    """Return whether the whole lesion lies in the scan."""
    index = lattice.index(centre)
    margin = size * 0.9 / np.array([lattice.step_mm, *lattice.pixel_mm]) + 4
    return bool((index > margin).all() and (index < np.array(lattice.shape) - margin).all())
