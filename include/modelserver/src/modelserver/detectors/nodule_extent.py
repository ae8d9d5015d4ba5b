"""Diameter and mask of a nodule, on the grid of the series itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelserver.detectors import rays
from modelserver.detectors.volumes import Volume, pieces

_WAYS = rays.directions(96)
_STEP_MM = 0.25
_LONGEST_RAY = 1.5
"""Rays longer than this times the median have left the nodule along a vessel or the pleura."""


@dataclass(frozen=True)
class Extent:
    """Centre in voxels of the volume, diameter of the ball of the same volume, mask in its box."""

    centre_voxel: tuple[float, float, float]
    diameter_mm: float
    mask: np.ndarray
    origin: tuple[int, int, int]


def measure(
    volume: Volume, spacing_mm: tuple[float, float, float], centre_mm: np.ndarray, radius_mm: float
) -> Extent:
    """Return the extent of the body around ``centre_mm``, measured from the first voxel's centre."""
    spacing = np.array(spacing_mm)
    centre = centre_mm[None]
    lines = _cast(volume, spacing, centre, radius_mm)
    for _ in range(2):
        centre = rays.recentred(centre, lines.reach_mm(), _WAYS)
        lines = _cast(volume, spacing, centre, radius_mm)
    reach = lines.reach_mm()[0]
    median = float(np.median(reach))
    within = reach[reach <= _LONGEST_RAY * median]
    diameter = 2 * float(np.mean(within**3)) ** (1 / 3)
    mask, origin = _mask(volume, spacing, centre[0], lines.half_hu[0], _LONGEST_RAY * median)
    return Extent(tuple((centre[0] / spacing).tolist()), diameter, mask, origin)


def _cast(volume: Volume, spacing: np.ndarray, centre: np.ndarray, radius_mm: float) -> rays.Rays:
    samples = int(np.ceil(3 * radius_mm / _STEP_MM)) + 8
    radius = np.array([max(radius_mm, 1.0)])
    return rays.cast(volume, spacing, centre, radius, _WAYS, samples=samples, reach=3)


def _mask(
    volume: Volume, spacing: np.ndarray, centre: np.ndarray, half_hu: float, radius_mm: float
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Grow from the centre to all voxels above half that hang together within the radius."""
    low = np.maximum(np.floor((centre - radius_mm) / spacing).astype(int), 0)
    high = np.minimum(np.ceil((centre + radius_mm) / spacing).astype(int) + 1, volume.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grids = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij")
    away = np.stack(grids, axis=-1) * spacing - centre
    from_centre = np.sqrt((away**2).sum(axis=-1))
    mask = (volume[box] > half_hu) & (from_centre <= radius_mm)
    seed = np.unravel_index(from_centre.argmin(), mask.shape)
    mask[seed] = True
    labels, _ = pieces(mask)
    mask = labels == labels[seed]
    return mask, tuple(int(index) for index in low)
