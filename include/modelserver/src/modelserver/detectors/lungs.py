"""Where the lungs are: large pieces of air that do not reach the sides of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelserver.detectors.volumes import (
    Volume,
    distance,
    pieces,
    resampled,
    values_at,
)

AIR_BELOW_HU = -500.0
BARE_AIR_HU = -965.0
"""Mean below which a piece of air has no tissue in it: bowel, trachea, the room."""
SMALLEST_ML = 50.0
LARGEST_CONTACT = 0.05
"""Share of the picture's sides that a lung may touch: a picture may be narrower than the chest."""
COARSE_MM = 3.0
STEP_MM = 1.0
CLOSING_MM = 12.0
"""Bodies narrower than twice this that hang on the wall of the chest count as in the lung."""
MARGIN_MM = 1.5
"""Depth below the pleura that is left out: partly wall."""
_DEPTH_REACH = 6


@dataclass(frozen=True)
class Lungs:
    """The box around the lungs in cubes of ``STEP_MM``; all else has the lungs' own density.

    Parameters
    ----------
    hu : densities, (slices, rows, columns)
    depth_mm : distance below the pleura, at most 18 mm, negative outside
    start_mm : position of the first voxel, from that of the volume
    """

    hu: Volume
    depth_mm: Volume
    start_mm: tuple[float, float, float]


def find(volume: Volume, spacing_mm: tuple[float, float, float]) -> Lungs | None:
    """Return the lungs of a volume in HU, or None when it shows none."""
    extent_mm = [(n - 1) * step for n, step in zip(volume.shape, spacing_mm, strict=True)]
    shape = tuple(int(extent // COARSE_MM) + 1 for extent in extent_mm)
    coarse = resampled(volume, spacing_mm, (0.0, 0.0, 0.0), shape, COARSE_MM)
    air = _inner_air(coarse)
    if not air.any():
        return None
    depth = _depth_mm(air)
    low, high = _box(depth > 0)
    start_mm = tuple(float(index * COARSE_MM) for index in low)
    size = tuple(
        int(min((b - a) * COARSE_MM, extent - a * COARSE_MM) // STEP_MM) + 1
        for a, b, extent in zip(low, high, extent_mm, strict=True)
    )
    hu = resampled(volume, spacing_mm, start_mm, size, STEP_MM)
    np.clip(hu, -1000, 200, out=hu)
    fine_depth = resampled(depth, (COARSE_MM,) * 3, start_mm, size, STEP_MM)
    inside = fine_depth > MARGIN_MM
    tissue = hu[inside]
    tissue = tissue[tissue < AIR_BELOW_HU]
    hu[~inside] = np.median(tissue) if tissue.size else AIR_BELOW_HU
    return Lungs(hu, fine_depth, start_mm)


def depth_at(lungs: Lungs, points: np.ndarray) -> Volume:
    """Return the depth in mm below the pleura at ``points`` in voxels of the lungs' box."""
    return values_at(lungs.depth_mm, points)


def _inner_air(coarse: Volume) -> np.ndarray:
    labels, count = pieces(coarse < AIR_BELOW_HU)
    sides = np.concatenate([labels[:, [0, -1], :].reshape(-1), labels[:, :, [0, -1]].reshape(-1)])
    outer = np.bincount(sides, minlength=count + 1) > LARGEST_CONTACT * sides.size
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    means = np.bincount(labels.ravel(), coarse.ravel(), minlength=count + 1) / np.maximum(sizes, 1)
    keep = (sizes * COARSE_MM**3 / 1000 >= SMALLEST_ML) & (means > BARE_AIR_HU)
    keep &= ~outer
    keep[0] = False
    return keep[labels]


def _depth_mm(air: np.ndarray) -> Volume:
    """Return the depth below the surface of the air after what it encloses is added to it."""
    reach = int(np.ceil(CLOSING_MM / COARSE_MM))
    padded = np.pad(air, reach, mode="edge")
    grown = distance(padded, reach + 1) <= reach
    closed = distance(~grown, reach + 1) > reach
    closed = (closed | padded)[(slice(reach, -reach),) * 3]
    inwards = distance(~closed, _DEPTH_REACH)
    outwards = distance(closed, _DEPTH_REACH)
    return ((inwards - outwards) * COARSE_MM).astype(np.float32)


def _box(mask: np.ndarray) -> tuple[list[int], list[int]]:
    spans = [
        np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        for axis in range(3)
    ]
    return [int(span[0]) for span in spans], [int(span[-1]) for span in spans]
