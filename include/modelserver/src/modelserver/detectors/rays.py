"""How far a bright body reaches from a point in every direction, at half of its own height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelserver.detectors.volumes import Volume, values_at


def directions(pairs: int) -> np.ndarray:
    """Return 2 ``pairs`` unit vectors, evenly spread; the second half opposes the first.

    Points of a Fibonacci spiral on a half of the sphere.
    """
    index = np.arange(pairs) + 0.5
    height = 1 - index / pairs
    turn = np.pi * (1 + 5**0.5) * index
    ring = np.sqrt(1 - height**2)
    half = np.stack([height, ring * np.sin(turn), ring * np.cos(turn)], axis=1)
    return np.concatenate([half, -half])


@dataclass(frozen=True)
class Rays:
    """Profiles around n centres: d directions, t samples each.

    Parameters
    ----------
    profiles : HU, (n, d, t)
    step_mm : distance of two samples, (n,)
    peak_hu, background_hu : levels that the half lies between, (n,)
    """

    profiles: np.ndarray
    step_mm: np.ndarray
    peak_hu: np.ndarray
    background_hu: np.ndarray

    @property
    def half_hu(self) -> np.ndarray:
        """Return the level half-way between body and surroundings, (n,)."""
        return (self.peak_hu + self.background_hu) / 2

    def reach_mm(self) -> np.ndarray:
        """Return the distance at which each profile first falls below half, (n, d)."""
        below = self.profiles < self.half_hu[:, None, None]
        below[..., -1] = True
        after = np.maximum(below.argmax(axis=2), 1)[..., None]
        inner = np.take_along_axis(self.profiles, after - 1, axis=2)[..., 0]
        outer = np.take_along_axis(self.profiles, after, axis=2)[..., 0]
        drop = np.maximum(inner - outer, 1e-3)
        share = np.clip((inner - self.half_hu[:, None]) / drop, 0, 1)
        return (after[..., 0] - 1 + share) * self.step_mm[:, None]


def cast(
    hu: Volume,
    spacing_mm: np.ndarray,
    centres_mm: np.ndarray,
    radii_mm: np.ndarray,
    ways: np.ndarray,
    *,
    samples: int = 29,
    reach: float = 3.5,
) -> Rays:
    """Return the profiles from each centre out to ``reach`` times its expected radius.

    The level of the body is the mean of its inner 40 %, that of the surroundings the lower
    quartile between 1.5 and 3 radii: vessels and the wall of the chest are brighter.
    """
    steps = radii_mm * reach / (samples - 1)
    along = steps[:, None] * np.arange(samples)
    points = ways[None, :, None, :] * along[:, None, :, None] + centres_mm[:, None, None, :]
    profiles = values_at(hu, points / spacing_mm)
    radius = np.arange(samples) * reach / (samples - 1)
    peak = profiles[:, :, radius <= 0.4].mean(axis=(1, 2))
    shell = profiles[:, :, (radius >= 1.5) & (radius <= 3)].reshape(len(profiles), -1)
    background = np.percentile(shell, 25, axis=1)
    return Rays(profiles, steps, peak, np.minimum(background, peak - 1))


def recentred(centres_mm: np.ndarray, reach_mm: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Return the centres moved to the middle of what the rays reach; long rays are vessels."""
    median = np.median(reach_mm, axis=1, keepdims=True)
    clipped = np.minimum(reach_mm, 1.4 * median)
    shift = 3 * np.einsum("nd,dk->nk", clipped, ways) / ways.shape[0]
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    shift *= np.minimum(1, 0.7 * median / np.maximum(length, 1e-6))
    return centres_mm + shift
