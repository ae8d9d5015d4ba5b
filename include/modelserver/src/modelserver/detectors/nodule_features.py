"""What tells a nodule from a vessel, a fissure or the wall: numbers about each candidate.

None depends on how the candidate is turned or, but for its size, on how large it is.
"""

from __future__ import annotations

import numpy as np

from modelserver.detectors import blobs, rays
from modelserver.detectors.blobs import Blobs, Level
from modelserver.detectors.lungs import Lungs, depth_at

FEATURES = 41
WAYS = rays.directions(48)
_QUANTILES = (5, 10, 25, 75, 90, 95)
_SHELLS = (1.4, 1.8, 2.2, 2.8)
_SHARP_FROM_LEVEL, _SMOOTH_FROM_LEVEL = 2, 5


def measured(
    lungs: Lungs, scales: list[Level], found: Blobs, slice_spacing_mm: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, f), centres in mm from the lungs' box (n, 3) and radii in mm (n,)."""
    if not len(found.centres):
        return np.zeros((0, FEATURES), np.float32), np.zeros((0, 3)), np.zeros(0)
    radii = np.array([blobs.RADIUS_PER_SIGMA * level.sigma_mm for level in scales])[found.level]
    centres = found.centres.astype(float)
    lines = _cast(lungs, scales, found.level, centres, radii)
    for _ in range(2):
        centres = rays.recentred(centres, lines.reach_mm(), WAYS)
        lines = _cast(lungs, scales, found.level, centres, radii)
    reach = lines.reach_mm()
    median = np.median(reach, axis=1)
    columns = [
        np.log(np.maximum(median, 0.3)),
        np.log(np.maximum(median, 0.3) / radii),
        lines.peak_hu / 500,
        lines.background_hu / 500,
        (lines.peak_hu - lines.background_hu) / 500,
        *_curvature_ratios(scales, found, centres),
        *_lengths(reach, median),
        *_shells(lines, median),
        *_surroundings(lungs, lines, centres, median),
        slice_spacing_mm / (2 * np.maximum(median, 0.5)),
    ]
    return np.stack(columns, axis=1).astype(np.float32), centres, median


def _cast(
    lungs: Lungs, scales: list[Level], level: np.ndarray, centres: np.ndarray, radii: np.ndarray
) -> rays.Rays:
    """Cast rays through the volume as it is for small bodies, through a smooth one for others."""
    images = [(lungs.hu, 1), (scales[0].hu, 1), (scales[2].hu, 1)]
    kind = (level >= _SHARP_FROM_LEVEL).astype(int) + (level >= _SMOOTH_FROM_LEVEL)
    parts = []
    order = []
    for index, (image, step) in enumerate(images):
        mine = np.flatnonzero(kind == index)
        if mine.size:
            order.append(mine)
            parts.append(rays.cast(image, np.full(3, step), centres[mine], radii[mine], WAYS))
    back = np.argsort(np.concatenate(order), kind="stable")
    return rays.Rays(
        *(
            np.concatenate([getattr(part, name) for part in parts])[back]
            for name in ("profiles", "step_mm", "peak_hu", "background_hu")
        )
    )


def _curvature_ratios(scales: list[Level], found: Blobs, centres: np.ndarray) -> list[np.ndarray]:
    columns = []
    for offset in (-1, 0, 1):
        bends = np.empty((len(centres), 3))
        level = np.clip(found.level + offset, 0, len(scales) - 1)
        for index in np.unique(level):
            mine = level == index
            bends[mine] = blobs.curvatures(scales[index], centres[mine])
        strongest = np.maximum(-bends[:, 0], 1.0)
        columns += [bends[:, 2] / strongest, bends[:, 1] / strongest]
        if not offset:
            columns.append(np.log(strongest))
    return [np.clip(column, -3, 12) for column in columns]


def _lengths(reach: np.ndarray, median: np.ndarray) -> list[np.ndarray]:
    """Return how uneven the rays and the chords of opposite rays are: a tube has two long ones."""
    scaled = np.clip(reach / np.maximum(median, 0.3)[:, None], 0.05, 4)
    half = reach.shape[1] // 2
    chord = (scaled[:, :half] + scaled[:, half:]) / 2
    shorter = np.minimum(scaled[:, :half], scaled[:, half:])
    moments = np.einsum("nd,di,dj->nij", scaled, WAYS, WAYS) / reach.shape[1]
    axes = np.linalg.eigvalsh(moments)
    return [
        *np.percentile(scaled, _QUANTILES, axis=1),
        scaled.std(axis=1),
        *np.percentile(chord, (0, 10, 90, 100), axis=1),
        *np.percentile(shorter, (90, 100), axis=1),
        axes[:, 0] / axes[:, 2],
        axes[:, 1] / axes[:, 2],
    ]


def _shells(lines: rays.Rays, median: np.ndarray) -> list[np.ndarray]:
    """Return the share of directions that are bright beyond the body, on one side and on both."""
    half = lines.profiles.shape[1] // 2
    rows = np.arange(len(median))
    columns = []
    for factor in _SHELLS:
        index = np.rint(factor * median / lines.step_mm).astype(int)
        index = np.minimum(index, lines.profiles.shape[2] - 1)
        values = lines.profiles[rows, :, index]
        bright = values > lines.half_hu[:, None]
        columns += [bright.mean(axis=1), (bright[:, :half] & bright[:, half:]).mean(axis=1)]
    return columns


def _surroundings(
    lungs: Lungs, lines: rays.Rays, centres: np.ndarray, median: np.ndarray
) -> list[np.ndarray]:
    depth = depth_at(lungs, centres)
    contrast = np.maximum(lines.peak_hu - lines.background_hu, 1)
    rows = np.arange(len(median))
    inner, outer = (
        np.minimum(np.rint(f * median / lines.step_mm).astype(int), lines.profiles.shape[2] - 1)
        for f in (0.7, 1.3)
    )
    edge = np.median(lines.profiles[rows, :, inner] - lines.profiles[rows, :, outer], axis=1)
    surface = centres[:, None] + WAYS[None] * (1.2 * median)[:, None, None]
    outside = (depth_at(lungs, surface) < 2).mean(axis=1)
    core = lines.profiles[:, :, 0].mean(axis=1)
    return [
        np.minimum(depth / np.maximum(median, 0.5), 5),
        depth / 10,
        outside,
        edge / contrast,
        (core - lines.peak_hu) / contrast,
    ]
