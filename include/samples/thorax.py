"""A chest in Hounsfield units: what a CT slice at any height through the phantom shows.

Coordinates are the patient's (x to the left, y to the back, z to the head; mm; PS3.3 C.7.6.2.1.1),
with z = 0 just above the diaphragm. Shapes and densities are those of an adult, simplified.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from samples.shapes import (
    Grid,
    Image,
    blend,
    ellipse_coverage,
    paint_ellipse,
    sphere_section_mm,
)
from samples.vessels import HILUM_MM, Tube, tree

AIR, LUNG, FAT, MUSCLE, BLOOD, MARROW, CORTEX = -1000.0, -865.0, -95.0, 48.0, 42.0, 190.0, 620.0
NOISE_HU = 14.0
_RIB_PITCH_MM, _RIB_SLOPE_MM, _RIB_HALF_HEIGHT_MM, _RIB_HALF_DEPTH_MM = 29.0, 34.0, 6.0, 4.0


@dataclass(frozen=True)
class Nodule:
    """A solid pulmonary nodule: a sphere of soft tissue."""

    centre_mm: tuple[float, float, float] = (-84.0, -16.0, 87.5)
    diameter_mm: float = 16.0
    density_hu: float = 40.0


_NO_CLEARANCE = ((0.0, 0.0, -1000.0), 0.0)
_CLEARANCE_MM = 21.0
"""The nodule of the phantom hangs on no vessel."""


@cache
def _vessels(nodule: Nodule | None) -> tuple[Tube, ...]:
    clear = (nodule.centre_mm, _CLEARANCE_MM) if nodule else _NO_CLEARANCE
    return tuple(tube for side in HILUM_MM for tube in tree(side, seed=7, keep_clear=clear))


def slice_hu(grid: Grid, z_mm: float, nodule: Nodule | None, *, seed: int) -> Image:
    """Return the slice at ``z_mm`` in HU, (rows, columns), noise included."""
    image = np.full((grid.size, grid.size), AIR, np.float32)
    _paint_table(image, grid)
    paint_ellipse(image, grid, (0, 4), (166, 113), FAT, power=2.4)
    paint_ellipse(image, grid, (0, 4), (154, 101), MUSCLE, power=2.4)
    _paint_ribs(image, grid, z_mm)
    _paint_lungs(image, grid, z_mm, nodule)
    _paint_mediastinum(image, grid, z_mm)
    _paint_airways(image, grid, z_mm)
    _paint_skeleton(image, grid)
    rng = np.random.default_rng([seed, round(z_mm * 10)])
    return image + _noise(rng, grid.size)


def lung_outlines(z_mm: float) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return (centre, radii) of the right and left lung at ``z_mm``; narrow towards the apex."""
    taper = np.sqrt(1 - min(max((z_mm - 45) / 128, 0), 0.97) ** 2)
    return [
        ((-77.0 + 16 * (1 - taper), 2.0), (62 * taper, 86 * taper)),
        ((78.0 - 16 * (1 - taper), 4.0), (59 * taper, 84 * taper)),
    ]


def _paint_table(image: Image, grid: Grid) -> None:
    axis = grid.axis_mm()
    depth_mm = axis[:, None] - (134 - (axis[None, :] / 46) ** 2)
    shell = np.clip(1 - np.abs(depth_mm) / 2, 0, 1) * (np.abs(axis[None, :]) < 170)
    blend(image, np.s_[:, :], shell.astype(np.float32), -420.0)


def _paint_ribs(image: Image, grid: Grid, z_mm: float) -> None:
    """Paint the ribs where they cross the slice: bands along the wall that climb to the back."""
    axis = grid.axis_mm()
    u, v = axis[None, :] / 143, (axis[:, None] - 4) / 93
    radius = (np.abs(u) ** 2.4 + np.abs(v) ** 2.4) ** (1 / 2.4)
    forward = 1 - np.arctan2(np.abs(u), v) / np.pi
    height_mm = z_mm - _RIB_SLOPE_MM * 2 * forward + 9 * (u > 0)
    from_rib_mm = np.abs(np.mod(height_mm, _RIB_PITCH_MM) - _RIB_PITCH_MM / 2)
    wall_mm = np.abs(radius - 1) * 100
    across = np.clip((_RIB_HALF_DEPTH_MM - wall_mm) / 1.2 + 0.5, 0, 1)
    along = np.clip((_RIB_HALF_HEIGHT_MM - from_rib_mm) / 1.5 + 0.5, 0, 1)
    bony = np.clip((1 - np.abs(forward - 0.5) * 2) * 20, 0, 1)
    cortex = CORTEX - (CORTEX - MARROW) * np.clip((_RIB_HALF_DEPTH_MM - 1.6 - wall_mm) / 1.2, 0, 1)
    blend(image, np.s_[:, :], (across * along * bony).astype(np.float32), cortex)


def _paint_lungs(image: Image, grid: Grid, z_mm: float, nodule: Nodule | None) -> None:
    """Paint lungs and all that lies in them: denser to the back, vessels, the nodule."""
    content = np.full_like(image, LUNG)
    content += np.clip(grid.axis_mm()[:, None] + 40, -60, 100) * 0.6
    for tube in _vessels(nodule):
        _paint_tube(content, grid, tube, z_mm)
    if nodule:
        x, y, z = nodule.centre_mm
        radius_mm = sphere_section_mm(nodule.diameter_mm / 2, z_mm - z)
        paint_ellipse(content, grid, (x, y), (radius_mm, radius_mm), nodule.density_hu)
    for centre, radii in lung_outlines(z_mm):
        where, coverage = ellipse_coverage(grid, centre, radii, power=2.3)
        blend(image, where, coverage, content[where])


def _paint_tube(image: Image, grid: Grid, tube: Tube, z_mm: float) -> None:
    (x0, y0, z0), (x1, y1, z1) = tube.start_mm, tube.end_mm
    widest_mm = max(tube.start_radius_mm, tube.end_radius_mm)
    if not min(z0, z1) - widest_mm < z_mm < max(z0, z1) + widest_mm:
        return
    reach = (abs(x1 - x0) / 2 + widest_mm + 1, abs(y1 - y0) / 2 + widest_mm + 1)
    rows, columns, x, y = grid.box((x0 + x1) / 2, (y0 + y1) / 2, reach)
    dx, dy, dz = x1 - x0, y1 - y0, z1 - z0
    along = ((x - x0) * dx + (y - y0) * dy + (z_mm - z0) * dz) / (dx**2 + dy**2 + dz**2)
    along = np.clip(along, 0, 1)
    from_axis_mm = np.sqrt(
        (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2 + (z_mm - z0 - along * dz) ** 2
    )
    radius_mm = tube.start_radius_mm + along * (tube.end_radius_mm - tube.start_radius_mm)
    coverage = np.clip((radius_mm - from_axis_mm) / (grid.spacing_mm * 1.4) + 0.5, 0, 1)
    blend(image, (rows, columns), coverage.astype(np.float32), BLOOD)


def _paint_mediastinum(image: Image, grid: Grid, z_mm: float) -> None:
    paint_ellipse(image, grid, (0, 8), (33, 84), 12.0, power=2.6, softness_mm=3)
    for x, y, _ in HILUM_MM.values():
        size_mm = sphere_section_mm(21, z_mm - 70)
        paint_ellipse(image, grid, (x * 0.9, y), (size_mm * 0.8, size_mm), BLOOD, softness_mm=2)
    heart = np.sqrt(max(0.0, 1 - ((z_mm - 12) / 62) ** 2))
    paint_ellipse(image, grid, (20, -24), (66 * heart, 53 * heart), BLOOD, softness_mm=2)
    if z_mm > 55:
        paint_ellipse(image, grid, (-14, -20), (16, 16), BLOOD + 8)
    paint_ellipse(image, grid, (24, 52), (12.5, 12.5), BLOOD + 8)


def _paint_airways(image: Image, grid: Grid, z_mm: float) -> None:
    """Paint the trachea above its bifurcation, the main bronchi below."""
    carina_mm = 88.0
    if z_mm >= carina_mm:
        paint_ellipse(image, grid, (0, 18), (9, 8.5), AIR)
        return
    below_mm = carina_mm - z_mm
    if below_mm < 24:
        for sign in (-1, 1):
            paint_ellipse(
                image, grid, (sign * (5 + below_mm * 0.95), 18), (9 - below_mm / 8, 6), AIR
            )


def _paint_skeleton(image: Image, grid: Grid) -> None:
    paint_ellipse(image, grid, (0, 74), (20, 16), CORTEX, power=2.5)
    paint_ellipse(image, grid, (0, 74), (18, 14), MARROW, power=2.5, softness_mm=2)
    paint_ellipse(image, grid, (0, 96), (14, 9), CORTEX)
    paint_ellipse(image, grid, (0, 95), (9.5, 7), 28.0)
    for sign in (-1, 1):
        paint_ellipse(image, grid, (sign * 24, 93), (14, 4.5), 330.0)
    paint_ellipse(image, grid, (0, 106), (3.5, 9), 400.0)
    paint_ellipse(image, grid, (0, -90), (19, 5.5), CORTEX)
    paint_ellipse(image, grid, (0, -90), (17, 3.5), MARROW)


def _noise(rng: np.random.Generator, size: int) -> Image:
    """Return noise correlated over neighbouring pixels, as a reconstruction kernel leaves it."""
    white = rng.standard_normal((size + 1, size + 1), np.float32)
    mixed = white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]
    return mixed * np.float32(NOISE_HU / 2)
