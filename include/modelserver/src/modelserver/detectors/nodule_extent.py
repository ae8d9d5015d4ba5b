"""Diameter and mask of a nodule, on the grid of the series itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modelserver.detectors import rays
from modelserver.detectors.volumes import Volume, pieces

_WAYS = rays.directions(96)
_STEP_MM = 0.25
_LONGEST_RAY = 1.5
"""Rays longer than this times the median have left the nodule along a vessel or the pleura."""
_FAINT_HU = 130.0
"""So much above the lung is still nodule, be it ground glass."""
_HALO_MM, _HALO_SHARE = 1.5, 0.15
"""A faint rim wider than this, and than this share of the radius, is no blur but ground glass."""
_FREE_SIDE = 30
"""Percentile of the rays that says where a rim ends: the longer ones may run into the wall."""


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
    """Return the extent of the body around ``centre_mm``, measured from the first voxel's centre.

    A part-solid nodule is measured with its ground glass, as its total diameter is
    (MacMahon et al., Radiology 284(1), 2017).
    """
    spacing = np.array(spacing_mm)
    centre = centre_mm[None]
    lines = _cast(volume, spacing, centre, radius_mm)
    for _ in range(3):
        centre = rays.recentred(centre, _limits_mm(lines)[None], _WAYS)
        lines = _with_halo(_cast(volume, spacing, centre, radius_mm))
    limits = _limits_mm(lines)
    diameter = 2 * float(np.mean(limits**3)) ** (1 / 3)
    mask, origin = _mask(volume, spacing, centre[0], lines.half_hu[0], limits)
    return Extent(tuple((centre[0] / spacing).tolist()), diameter, mask, origin)


def _cast(volume: Volume, spacing: np.ndarray, centre: np.ndarray, radius_mm: float) -> rays.Rays:
    radius = np.array([max(radius_mm, 1.0)])
    samples = int(np.ceil(3.5 * radius[0] / _STEP_MM)) + 8
    return rays.cast(volume, spacing, centre, radius, _WAYS, samples=samples)


def _limits_mm(lines: rays.Rays) -> np.ndarray:
    """Return the reach of each ray (d,); those that have left the nodule count as the median."""
    reach = lines.reach_mm()[0]
    median = np.median(reach)
    return np.where(reach <= _LONGEST_RAY * median, reach, median)


def _with_halo(lines: rays.Rays) -> rays.Rays:
    """Return the rays with the level of a rim of ground glass as their peak, where there is one."""
    solid = float(np.percentile(lines.reach_mm(), _FREE_SIDE))
    faint = replace(lines, peak_hu=lines.background_hu + 2 * _FAINT_HU)
    whole = float(np.percentile(faint.reach_mm(), _FREE_SIDE))
    if whole - solid < max(_HALO_MM, _HALO_SHARE * solid):
        return lines
    index = int((0.4 * solid + 0.6 * whole) / lines.step_mm[0])
    return replace(lines, peak_hu=np.median(lines.profiles[:, :, index], axis=1))


def _mask(
    volume: Volume, spacing: np.ndarray, centre: np.ndarray, half_hu: float, limits_mm: np.ndarray
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Grow from the centre to the voxels above half, but hardly past the rays' limits."""
    reach = float(limits_mm.max()) + spacing.max()
    low = np.maximum(np.floor((centre - reach) / spacing).astype(int), 0)
    high = np.minimum(np.ceil((centre + reach) / spacing).astype(int) + 1, volume.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    mask = volume[box] > half_hu
    voxels = np.argwhere(mask)
    away = ((voxels + low) * spacing - centre).astype(np.float32)
    nearest = np.concatenate(
        [(part @ _WAYS.T.astype(np.float32)).argmax(axis=1) for part in np.array_split(away, 8)]
    )
    mask[tuple(voxels.T)] = (
        np.linalg.norm(away, axis=1) <= 1.1 * limits_mm[nearest] + spacing[1] / 2
    )
    seed = np.clip(np.rint(centre / spacing).astype(int) - low, 0, np.array(mask.shape) - 1)
    mask[tuple(seed)] = True
    labels, _ = pieces(mask)
    return labels == labels[tuple(seed)], tuple(int(index) for index in low)
