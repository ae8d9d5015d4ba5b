"""What detectors do to volumes: resample, smooth, look up, measure distances, part into pieces.

Plain numpy, so that the server needs no further library. Every array is (slices, rows, columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Points = NDArray[np.floating[Any]]


def weights_of_resampling(
    inputs: int, input_step_mm: float, outputs: int, output_step_mm: float, start_mm: float
) -> NDArray[np.float32]:
    """Return the (outputs, inputs) matrix that interpolates along one axis.

    A triangle as wide as the coarser of the two grids: linear interpolation when the output is
    finer, an average without aliasing when it is coarser.
    """
    at_mm = start_mm + np.arange(outputs)[:, None] * output_step_mm
    from_mm = np.arange(inputs)[None, :] * input_step_mm
    at_mm = np.clip(at_mm, 0, from_mm[0, -1])
    weights = 1 - np.abs(at_mm - from_mm) / max(input_step_mm, output_step_mm)
    weights = np.clip(weights, 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def resampled(
    volume: Volume,
    spacing_mm: tuple[float, float, float],
    start_mm: tuple[float, float, float],
    shape: tuple[int, int, int],
    step_mm: float,
) -> Volume:
    """Return the box of ``shape`` from ``start_mm`` on, in cubes of ``step_mm``.

    Slices are read one at a time: no second copy of the input ever exists.
    """
    down, up, across = (
        weights_of_resampling(n, step, count, step_mm, start)
        for n, step, count, start in zip(volume.shape, spacing_mm, shape, start_mm, strict=True)
    )
    result = np.zeros(shape, np.float32)
    rows, columns = (np.flatnonzero(weights.any(0)) for weights in (up, across))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    up, across = up[:, part[0]], across[:, part[1]].T
    for index, image in enumerate(volume):
        targets = np.flatnonzero(down[:, index])
        if targets.size:
            plane = up @ np.asarray(image[part], np.float32) @ across
            for target in targets:
                result[target] += down[target, index] * plane
    return result


def smoothed(volume: Volume, sigma: float) -> Volume:
    """Return the volume after a Gaussian of ``sigma`` voxels; the border is continued."""
    reach = int(np.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    taps = (taps / (2 * taps.sum() - taps[0])).astype(np.float32)
    for axis in range(3):
        width = [(0, 0)] * 3
        width[axis] = (reach, reach)
        padded = np.moveaxis(np.pad(volume, width, mode="edge"), axis, 0)
        n = volume.shape[axis]
        total = padded[reach : reach + n] * taps[0]
        for offset in range(1, reach + 1):
            pair = padded[reach - offset : reach - offset + n] + padded[reach + offset :][:n]
            pair *= taps[offset]
            total += pair
        volume = np.moveaxis(total, 0, axis)
    return np.ascontiguousarray(volume)


def highest_nearby(volume: Volume) -> Volume:
    """Return the maximum of each voxel and its 26 neighbours."""
    for axis in range(3):
        width = [(0, 0)] * 3
        width[axis] = (1, 1)
        padded = np.moveaxis(np.pad(volume, width, mode="edge"), axis, 0)
        highest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
        volume = np.moveaxis(highest, 0, axis)
    return volume


def values_at(volume: Volume, points: Points) -> Volume:
    """Return the trilinear interpolation at ``points`` (…, 3), in voxels; borders are continued."""
    shape = np.array(volume.shape)
    inside = np.clip(points, 0, shape - 1.000001)
    corner = np.minimum(inside.astype(np.int64), np.maximum(shape - 2, 0))
    share = (inside - corner).astype(np.float32)
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    first = corner @ strides
    steps = np.where(shape > 1, strides, 0)
    flat = volume.reshape(-1)
    total = np.zeros(first.shape, np.float32)
    for bits in np.ndindex(2, 2, 2):
        weight = np.ones(first.shape, np.float32)
        for axis, bit in enumerate(bits):
            weight *= share[..., axis] if bit else 1 - share[..., axis]
        total += weight * flat[first + int(np.dot(bits, steps))]
    return total


def distance(mask: NDArray[np.bool_], reach: int) -> Volume:
    """Return each voxel's distance to the nearest one of ``mask``, at most ``reach`` voxels.

    Squared distances are a minimum over each axis in turn, which makes them exact.
    """
    squared = np.where(mask, 0, np.float32(reach**2)).astype(np.float32)
    for axis in range(3):
        width = [(0, 0)] * 3
        width[axis] = (reach, reach)
        padded = np.moveaxis(np.pad(squared, width, constant_values=np.float32(reach**2)), axis, 0)
        n = mask.shape[axis]
        nearest = padded[reach : reach + n].copy()
        for offset in range(1, reach + 1):
            for start in (reach - offset, reach + offset):
                np.minimum(nearest, padded[start : start + n] + offset**2, out=nearest)
        squared = np.moveaxis(nearest, 0, axis)
    return np.sqrt(np.minimum(squared, reach**2))


def pieces(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Return labels from 1 on of the parts of ``mask`` that touch by faces, and their number.

    Runs of set voxels along the columns are joined to those they touch in the next row and slice,
    by handing the lowest label on until nothing changes.
    """
    slices, rows, columns = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (0, 0), (1, 1))).astype(np.int8), axis=2)
    edges = edges.reshape(slices * rows, columns + 1)
    line, start = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    runs = _Runs(line, start, end, columns)
    pairs = [
        runs.touching(1, line % rows < rows - 1),
        runs.touching(rows, line < (slices - 1) * rows),
    ]
    one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    label = np.arange(line.size)
    while True:
        lowest = np.minimum(label[one], label[other])
        joined = label.copy()
        np.minimum.at(joined, label[one], lowest)
        np.minimum.at(joined, label[other], lowest)
        joined = joined[joined]
        if np.array_equal(joined, label):
            break
        label = joined
    names, label = np.unique(label, return_inverse=True)
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = np.repeat(label + 1, end - start)
    return labels, names.size


@dataclass(frozen=True)
class _Runs:
    """Runs of set voxels, in order: the line they are in, their start, and the voxel after."""

    line: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    columns: int

    def touching(
        self, step: int, has_target: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs of runs that overlap, the second ``step`` lines after the first."""
        stride = self.columns + 1
        target = (self.line + step) * stride
        ends, starts = self.line * stride + self.end, self.line * stride + self.start
        first = np.searchsorted(ends, target + self.start, side="right")
        last = np.searchsorted(starts, target + self.end, side="left")
        count = np.where(has_target, last - first, 0)
        one = np.repeat(np.arange(count.size), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return one, np.repeat(first, count) + within
