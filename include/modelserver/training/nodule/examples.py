"""What the network learns from: the detector's own candidates in the training phantoms."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from modelserver.detectors import nodule
from training.nodule import phantom

_SMALLEST_RADIUS_MM = 2.0
_CENTRED, _UNSURE, _SIZE_FACTOR = 0.7, 1.5, 1.8
"""Candidates off the middle by up to this many radii, or of another size, teach nothing."""


@dataclass(frozen=True)
class Examples:
    """Features (n, f), whether each is of a nodule (n,) and of which phantom (n,)."""

    features: np.ndarray
    labels: np.ndarray
    phantoms: np.ndarray

    def chosen(self, rows: np.ndarray) -> Examples:
        """Return some of the examples."""
        return Examples(self.features[rows], self.labels[rows], self.phantoms[rows])


def make(phantoms: int) -> Examples:
    """Return the examples of the first ``phantoms`` phantoms, the same ones each time."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=threadpool_limits, initargs=(1,)) as pool:
        parts = list(pool.map(of_phantom, range(phantoms), chunksize=4))
    return Examples(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.phantoms for part in parts]),
    )


def of_phantom(seed: int) -> Examples:
    """Return the examples of one phantom."""
    made = phantom.make(seed)
    found = nodule.candidates(made.volume_hu, made.spacing_mm)
    inside = np.zeros(len(found.features), bool)
    sure = np.ones(len(found.features), bool)
    for truth in made.nodules:
        radius = max(truth.diameter_mm / 2, _SMALLEST_RADIUS_MM)
        gap = np.linalg.norm(found.centres_mm - truth.centre_mm, axis=1) / radius
        fits = np.abs(np.log(np.maximum(found.radii_mm, 0.1) / radius)) < np.log(_SIZE_FACTOR)
        inside |= (gap < _CENTRED) & fits
        sure &= (gap > _UNSURE) | ((gap < _CENTRED) & fits)
    return Examples(found.features[sure], inside[sure], np.full(sure.sum(), seed))
