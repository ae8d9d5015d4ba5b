"""Radiograph phantoms of the evaluation family: solids in space, summed along a diverging beam.

Nothing is shared with the family that the model was trained on, which draws curves in the plane.
Lungs, heart and diaphragm are solids; ribs and vessels are clouds of points along courses in
space; counts of photons make the noise. Coordinates are mm: x to the right of the picture, y
downwards, z from the detector to the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIZE, FIELD_MM, DEPTHS = 320, 400.0, 44
_SOURCE_MM = 1800.0
KINDS = ("apical", "lateral", "whole")
Plane = NDArray[np.float32]
Rays = tuple[Plane, Plane, Plane]
"""x, y and z of every step of every ray."""


@dataclass(frozen=True)
class Radiograph:
    """A picture (0..1, dense parts bright), and where it shows air beside a lung."""

    image: Plane
    space: NDArray[np.bool_]
    kind: str


@dataclass(frozen=True)
class Patient:
    """The solids' sizes, mm."""

    half_width: float
    half_depth: float
    lung_height: float
    dome: float
    heart: float
    tissue_share: float


def radiograph(seed: int) -> Radiograph:
    """Make the phantom that ``seed`` names; every second one has a pneumothorax."""
    rng = np.random.default_rng([90210, seed])
    patient = Patient(
        rng.uniform(118, 150),
        rng.uniform(80, 115),
        rng.uniform(215, 280),
        rng.uniform(15, 45),
        rng.uniform(42, 62),
        rng.uniform(0.14, 0.28),
    )
    sick = int(rng.choice([-1, 1])) if seed % 2 else 0
    kind = str(rng.choice(KINDS)) if sick else "none"
    x, y, z = rays = _rays()
    trunk = _inside((x / (patient.half_width + 28)), (z / (patient.half_depth + 22)), 3)
    heart = ((x - 28) / patient.heart) ** 2 + ((y - 45) / 62) ** 2 + ((z - 25) / 52) ** 2 < 1
    middle = (np.abs(x) < rng.uniform(20, 30)) & (np.abs(z) < 55)
    path = _length(np.broadcast_to(trunk, (SIZE, SIZE, DEPTHS)))
    space = np.zeros((SIZE, SIZE), bool)
    for side in (-1, 1):
        cavity = _cavity(patient, side, rays) & ~heart & ~middle
        air = _length(cavity)
        path -= air
        held, outline = cavity, air
        if side == sick:
            held = cavity & _held(rng, kind, patient, side, rays)
            outline = _length(held)
            space |= (air > 25) & (outline < 4)
            path += _pleura(rng, outline, air)
        full = rng.uniform(0.75, 1.15)
        path += outline * patient.tissue_share * full * (1.2 if side == sick else 1.0)
        path += _vessels(rng, patient, side, outline) * full
    space = ndimage.binary_opening(space, iterations=2)
    path += _ribs(rng, patient) + _spine(rng) + _overlay(rng)
    return Radiograph(_developed(rng, path), space, kind if space.any() else "none")


def _rays() -> Rays:
    """Return where each pixel's ray is at each depth, (rows, columns, depths)."""
    at = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE * FIELD_MM - FIELD_MM / 2
    z = np.linspace(-130, 130, DEPTHS, dtype=np.float32)
    shrink = 1 - (z + 160) / _SOURCE_MM
    x = at[None, :, None] * shrink
    y = at[:, None, None] * shrink
    return x, y, z[None, None, :]


def _length(inside: NDArray[np.bool_]) -> Plane:
    """Return the path through a solid, its edge as soft as the ray's steps are wide."""
    steps = inside.sum(-1, dtype=np.float32) * np.float32(260 / DEPTHS)
    return ndimage.gaussian_filter(steps, 0.7)


def _inside(u: Plane, v: Plane, power: float) -> NDArray[np.bool_]:
    return np.abs(u) ** power + np.abs(v) ** power < 1


def _cavity(patient: Patient, side: int, rays: Rays) -> NDArray[np.bool_]:
    x, y, z = rays
    top = 95 - patient.lung_height
    half = patient.half_width * 0.48
    taper = np.clip((y - top) / patient.lung_height, 0.0, 1.2) ** 0.34
    middle = side * (14 + half * taper)
    across = _inside(
        (x - middle) / (half * taper + 1e-3), z / (patient.half_depth * taper + 1e-3), 2.3
    )
    dome = 95 - patient.dome * np.exp(-(((x - side * 60) / 60) ** 2) - (z / 90) ** 2)
    return across & (y > top) & (y < dome + (8 if side > 0 else 0))


def _held(
    rng: np.random.Generator, kind: str, patient: Patient, side: int, rays: Rays
) -> NDArray[np.bool_]:
    """Return the solid that what is left of the lung keeps to: the cavity, drawn to the hilum."""
    x, y, z = rays
    sideways = {"apical": rng.uniform(0.86, 0.97), "lateral": rng.uniform(0.6, 0.88)}.get(
        kind, rng.uniform(0.5, 0.8)
    )
    upwards = {"apical": rng.uniform(0.6, 0.85), "lateral": rng.uniform(0.88, 0.98)}.get(
        kind, rng.uniform(0.55, 0.85)
    )
    hilum_x, hilum_y = side * 25, rng.uniform(-20, 10)
    wave = 1 + 0.03 * np.sin(y / rng.uniform(18, 40) + rng.uniform(0, 6))
    drawn_x = hilum_x + (x - hilum_x) / (sideways * wave)
    drawn_y = hilum_y + (y - hilum_y) / np.where(y < hilum_y, upwards, rng.uniform(0.95, 1.0))
    return _cavity(patient, side, (drawn_x, drawn_y, z / rng.uniform(0.85, 1.0)))


def _pleura(rng: np.random.Generator, held: Plane, air: Plane) -> Plane:
    inside = ndimage.binary_opening(held > 3, iterations=1)
    edge = inside & ~ndimage.binary_erosion(inside) & (air > 35)
    soft = ndimage.gaussian_filter(edge.astype(np.float32), 0.6)
    return soft / max(float(soft.max()), 1e-6) * np.float32(rng.uniform(7, 20))


def _splat(points: NDArray[np.float64], weights: NDArray[np.float64], radius_mm: float) -> Plane:
    """Return the cloud of points as the beam sees it, each a ball of ``radius_mm``."""
    grow = 1 / (1 - (points[:, 2] + 160) / _SOURCE_MM)
    edges = np.linspace(-FIELD_MM / 2, FIELD_MM / 2, SIZE + 1)
    seen, _, _ = np.histogram2d(
        points[:, 1] * grow, points[:, 0] * grow, bins=(edges, edges), weights=weights
    )
    return ndimage.gaussian_filter(seen, radius_mm * SIZE / FIELD_MM / 1.6).astype(np.float32)


def _vessels(rng: np.random.Generator, patient: Patient, side: int, held: Plane) -> Plane:
    """Grow a tree into the lung; what would lie outside of its outline is not there."""
    total = np.zeros((SIZE, SIZE), np.float32)
    tips = [(np.array([side * 25.0, -8.0, 0.0]), v) for v in _directions(rng, 14, side)]
    for radius in (3.6, 2.5, 1.7, 1.1):
        grown, clouds = [], []
        for start, heading in tips:
            steps = heading + np.cumsum(rng.normal(0, 0.09, (24, 3)), axis=0)
            course = start + np.cumsum(steps / np.linalg.norm(steps, axis=1)[:, None] * 1.4, axis=0)
            clouds.append(course)
            for _ in range(2):
                turned = steps[-1] + rng.normal(0, 0.45, 3)
                grown.append((course[-1], turned / np.linalg.norm(turned)))
        cloud = np.concatenate(clouds)
        area_mm2 = 2.6 * radius * 1.4 / (FIELD_MM / SIZE) ** 2
        total += _splat(cloud, np.full(len(cloud), radius * area_mm2 * 1.6), radius)
        tips = grown
    return total * np.clip(held / 22 - 0.2, 0, 1)


def _directions(rng: np.random.Generator, count: int, side: int) -> NDArray[np.float64]:
    found = rng.normal(0, 1, (count, 3)) * (0.8, 1.2, 0.6)
    found[:, 0] = side * np.abs(found[:, 0])
    return found / np.linalg.norm(found, axis=1)[:, None]


def _ribs(rng: np.random.Generator, patient: Patient) -> Plane:
    """Return ten pairs of ribs, each a slanting ring round the thorax, and the clavicles."""
    top, step = 95 - patient.lung_height - rng.uniform(0, 20), rng.uniform(21, 27)
    slant, bright = rng.uniform(35, 75), rng.uniform(0.6, 1.4)
    turn = np.linspace(0.04, 0.86, 420) * np.pi
    clouds = []
    for number in range(10):
        wide = (patient.half_width + 6) * min(1.0, 0.5 + 0.13 * number)
        for side in (-1, 1):
            y = top + step * number + slant * (1 - np.cos(turn)) / 2 - 8 * np.sin(turn)
            z = -(patient.half_depth + 6) * np.cos(turn)
            clouds.append(np.stack([side * wide * np.sin(turn) ** 0.9, y, z], 1))
    for side in (-1, 1):
        bend = np.linspace(0, 1, 300)
        y = top + rng.uniform(5, 35) - 26 * bend + 6 * np.sin(6 * bend)
        clouds.append(np.stack([side * (12 + 120 * bend), y, 60 - 40 * bend], 1))
    cloud = np.concatenate(clouds)
    cloud = cloud + rng.normal(0, 1, (1, 3)) * (4, 4, 0)
    return _splat(cloud, np.full(len(cloud), 26.0 * bright), 4.2)


def _spine(rng: np.random.Generator) -> Plane:
    at = (np.arange(SIZE) + 0.5) / SIZE * FIELD_MM - FIELD_MM / 2
    width = np.exp(-((at / rng.uniform(17, 24)) ** 6))
    discs = 1 - 0.2 * (np.mod(at + rng.uniform(0, 26), 26) < 4)
    return (rng.uniform(25, 45) * discs[:, None] * width[None, :]).astype(np.float32)


def _overlay(rng: np.random.Generator) -> Plane:
    """Return what lies on the patient: wires, a fold of skin, a shoulder blade."""
    total = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(rng.choice([0, 0, 1, 2])):
        knots = rng.uniform(-150, 150, (3, 2))
        t = np.linspace(0, 1, 900)[:, None]
        bend = (1 - t) ** 2 * knots[0] + 2 * t * (1 - t) * knots[1] + t**2 * knots[2]
        cloud = np.column_stack([bend, np.full(900, 110.0)])
        total += _splat(cloud, np.full(900, rng.uniform(2, 6)), rng.uniform(0.8, 1.6))
    at = (np.arange(SIZE) + 0.5) / SIZE * FIELD_MM - FIELD_MM / 2
    x, y = np.meshgrid(at, at)
    if rng.random() < 0.35:
        edge = x * np.cos(lean := rng.uniform(-0.5, 0.5)) + y * np.sin(lean)
        edge -= rng.choice([-1, 1]) * rng.uniform(55, 110)
        seen = np.exp(-np.clip(edge, 0, None) / rng.uniform(8, 25)) * (edge > 0)
        total += (rng.uniform(4, 12) * seen * (np.abs(y) < 90)).astype(np.float32)
    for side in (-1, 1):
        if rng.random() < 0.5:
            border = side * x > rng.uniform(90, 125) + 0.25 * (y + 60)
            total += np.float32(rng.uniform(4, 10)) * (border & (y > -130) & (y < 30))
    return ndimage.gaussian_filter(total, 0.6)


def _developed(rng: np.random.Generator, path_mm: Plane) -> Plane:
    """Count photons behind the patient, with scatter, and show the logarithm of the count."""
    spread = rng.uniform(0.009, 0.0135)
    direct = np.exp(-np.clip(path_mm, 0, None) * spread)
    scattered = ndimage.gaussian_filter(direct, 30) * rng.uniform(0.1, 0.5)
    photons = 10 ** rng.uniform(3.2, 4.6)
    counted = rng.poisson((direct + scattered) * photons) / photons
    dense = -np.log(np.clip(ndimage.gaussian_filter(counted, rng.uniform(0.3, 0.8)), 1e-4, None))
    low, high = np.quantile(dense, [0.01, 0.995])
    shown = np.clip((dense - low) / (high - low), 0, 1)
    return (shown ** rng.uniform(0.8, 1.6)).astype(np.float32)
