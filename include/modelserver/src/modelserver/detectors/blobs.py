"""Bright bodies of any size: peaks of differences of Gaussians that are not tubes or plates.

Scale space after Lindeberg (Int. J. Computer Vision 30(2), 1998); the curvatures that part balls
from tubes and plates after Sato et al. (Medical Image Analysis 2(2), 1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from modelserver.detectors.volumes import Volume, highest_nearby, smoothed, values_at

SIGMAS_MM = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.2)
COARSE_FROM_MM = 2.8
"""From this width on every second voxel is enough."""
LEAST_RESPONSE_HU = 60.0
LEAST_CURVATURE_HU = 15.0
LEAST_ROUNDNESS = 0.08
MOST = 400
RADIUS_PER_SIGMA = 2.06
"""Radius of the ball to which the difference of two neighbouring widths answers best."""


@dataclass(frozen=True)
class Level:
    """The volume after a Gaussian; one of its voxels is ``step`` of the original's wide."""

    hu: Volume
    sigma_mm: float
    step: int


@dataclass(frozen=True)
class Blobs:
    """Candidates: centres (n, 3) in voxels of the lungs' box and the level each was found on."""

    centres: np.ndarray
    level: np.ndarray
    curvatures: np.ndarray


def levels(hu: Volume) -> list[Level]:
    """Return the volume at each of ``SIGMAS_MM``, in voxels of 1 mm at first, then of 2 mm."""
    result: list[Level] = []
    current, reached, step = hu, 0.0, 1
    for sigma in SIGMAS_MM:
        current = smoothed(current, float(np.sqrt(sigma**2 - reached**2)) / step)
        reached = sigma
        result.append(Level(current, sigma, step))
        if sigma == COARSE_FROM_MM:
            current, step = np.ascontiguousarray(current[::2, ::2, ::2]), 2
            result.append(Level(current, sigma, step))
    return result


def find(scales: list[Level]) -> Blobs:
    """Return up to ``MOST`` candidates, those curved most in every direction first."""
    centres, level, strength, curvature = [], [], [], []
    for index, (fine, wide) in enumerate(pairwise(scales)):
        if fine.step != wide.step:
            continue
        peaks = _peaks(fine, wide) * fine.step
        bends = curvatures(fine, peaks)
        weakest = -bends[:, 2]
        keep = (weakest > LEAST_CURVATURE_HU) & (weakest > LEAST_ROUNDNESS * -bends[:, 0])
        centres.append(peaks[keep])
        level.append(np.full(keep.sum(), index))
        strength.append(weakest[keep])
        curvature.append(bends[keep])
    found = Blobs(np.concatenate(centres), np.concatenate(level), np.concatenate(curvature))
    radii = np.array([RADIUS_PER_SIGMA * scale.sigma_mm for scale in scales])[found.level]
    chosen = apart(found.centres, 0.8 * radii, np.concatenate(strength))[:MOST]
    return Blobs(found.centres[chosen], found.level[chosen], found.curvatures[chosen])


def curvatures(level: Level, points: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the Hessian times sigma squared at ``points``, lowest first."""
    h = level.sigma_mm / level.step
    at = points / level.step
    unit = np.eye(3) * h
    centre = values_at(level.hu, at)
    hessian = np.empty((len(points), 3, 3))
    for i in range(3):
        both = values_at(level.hu, at + unit[i]) + values_at(level.hu, at - unit[i])
        hessian[:, i, i] = both - 2 * centre
        for j in range(i):
            ahead, aside = unit[i] + unit[j], unit[i] - unit[j]
            mixed = values_at(level.hu, at + ahead) + values_at(level.hu, at - ahead)
            mixed = mixed - values_at(level.hu, at + aside) - values_at(level.hu, at - aside)
            hessian[:, i, j] = hessian[:, j, i] = mixed / 4
    return np.linalg.eigvalsh(hessian)


def apart(centres: np.ndarray, reach: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Return indices, strongest first, without those within a stronger one's reach (n,)."""
    order = np.argsort(-strength, kind="stable")
    chosen: list[int] = []
    free = np.ones(len(order), bool)
    for index in order:
        if not free[index]:
            continue
        chosen.append(int(index))
        gap = np.linalg.norm(centres - centres[index], axis=1)
        free &= gap > reach[index]
    return np.array(chosen, int)


def _peaks(fine: Level, wide: Level) -> np.ndarray:
    response = fine.hu - wide.hu
    response /= np.float32(wide.sigma_mm / fine.sigma_mm - 1)
    peak = response > LEAST_RESPONSE_HU
    peak &= response == highest_nearby(response)
    return np.argwhere(peak).astype(float)
