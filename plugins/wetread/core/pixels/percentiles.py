"""The range of a frame's values without its outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wetread.core.pixels.lookup import LookupTable
from wetread.core.pixels.modality import Rescale
from wetread.core.pixels.padding import Padding

DERIVED_PERCENTILES = (0.5, 99.5)
"""Darkest and brightest value shown when the image declares no window; leaves out the outliers."""


def visible_range(
    stored: npt.NDArray[Any], modality: Rescale | LookupTable, padding: Padding | None
) -> tuple[float, float]:
    """Return the percentiles of the modality values that are image, not padding.

    A frame that is all padding counts whole. Integers are counted, not sorted: the percentiles of
    a mammogram would take longer than the rest of its rendering.
    """
    if stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2:
        values, counts = _histogram(stored)
    else:
        values, counts = np.unique(stored[np.isfinite(stored)], return_counts=True)
    if padding is not None and not (is_padding := padding.mask(values)).all():
        values, counts = values[~is_padding], counts[~is_padding]
    modality_values = modality.apply(values.astype(np.float64))
    order = np.argsort(modality_values, kind="stable")
    return _percentiles(modality_values[order], counts[order])


def _histogram(stored: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    low = int(stored.min())
    counts = np.bincount(np.subtract(stored, low, dtype=np.intp).ravel())
    (present,) = np.nonzero(counts)
    return present + low, counts[present]


def _percentiles(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Interpolate between neighbours in rank, as ``numpy.percentile`` does."""
    last_ranks = np.cumsum(counts) - 1
    ends = []
    for percentile in DERIVED_PERCENTILES:
        rank = percentile / 100 * last_ranks[-1]
        below, above = (
            values[np.searchsorted(last_ranks, whole)] for whole in (np.floor(rank), np.ceil(rank))
        )
        ends.append(float(below + (above - below) * (rank - np.floor(rank))))
    return ends[0], ends[1]
