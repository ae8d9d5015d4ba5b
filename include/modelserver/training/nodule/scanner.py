"""The scanner of the training phantoms: kernel, slice thickness, spacing and noise."""

from __future__ import annotations

import numpy as np

from modelserver.detectors.volumes import Volume, resampled, smoothed


def scanned(
    hu: Volume, grid_mm: float, rng: np.random.Generator
) -> tuple[Volume, tuple[float, float, float]]:
    """Return the slices of a chest painted in cubes of ``grid_mm``, and their spacing in mm."""
    pixel = rng.uniform(0.6, 0.9)
    thickness = float(rng.choice([0.7, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0]))
    spacing = thickness * rng.uniform(0.6, 1.0)
    sharp = rng.random() < 0.5
    blurred = smoothed(hu, rng.uniform(0.3, 0.5) if sharp else rng.uniform(0.5, 0.9))
    cut_mm = (spacing, pixel, pixel)
    extent_mm = np.array(hu.shape) * grid_mm - 1
    shape = tuple(int(extent // step) for extent, step in zip(extent_mm, cut_mm, strict=True))
    grid_steps = tuple(step / grid_mm for step in cut_mm)
    fine = _cut(blurred, grid_steps, shape, thickness / grid_mm)
    noise = rng.standard_normal(shape).astype(np.float32)
    soft = _planes_smoothed(noise, rng.uniform(0.6, 1.0) if sharp else rng.uniform(0.9, 1.6))
    if sharp:
        soft = soft - _planes_smoothed(noise, 2.5)
    deviation = rng.uniform(15, 75) if sharp else rng.uniform(6, 30)
    return fine + soft / soft.std() * np.float32(deviation), cut_mm


def _cut(
    volume: Volume, steps: tuple[float, ...], shape: tuple[int, ...], thickness: float
) -> Volume:
    """Return the mean over each slice's thickness at its pixels; lengths are in voxels."""
    away = np.abs(np.arange(shape[0])[:, None] * steps[0] - np.arange(len(volume)))
    weights = np.clip((thickness + 1) / 2 - away, 0, 1)
    weights /= weights.sum(axis=1, keepdims=True)
    slabs = np.tensordot(weights.astype(np.float32), volume, axes=1)
    return resampled(slabs, (1.0, 1 / steps[1], 1 / steps[2]), (0.0,) * 3, shape, 1.0)


def _planes_smoothed(volume: Volume, sigma: float) -> Volume:
    """Return the volume with each slice smoothed on its own."""
    return np.stack([smoothed(plane[None], sigma)[0] for plane in volume])
