"""Pulmonary nodules in a chest CT: candidates by shape, scored by a small network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from modelserver.detectors import blobs, lungs, nodule_extent, nodule_features
from modelserver.detectors.volumes import Volume

CODE = "pulmonary-nodule"
UNSUPPORTED_SERIES = "UNSUPPORTED_SERIES"
LEAST_SLICES, LEAST_COVERAGE_MM = 8, 20.0
LEAST_SCORE = 0.05
"""Below this a candidate is not worth sending; who asks decides what counts from here on."""
MOST_DETECTIONS = 20
_SAME_WITHIN_MM = 1.5


@dataclass(frozen=True)
class Detection:
    """One nodule.

    Parameters
    ----------
    score : 0 to 1
    centre_voxel : slice, row and column, in fractions of a voxel from the first one's centre
    diameter_mm : of the ball of the same volume
    mask : (slices, rows, columns), the box of the volume that starts at ``origin``
    """

    code: str
    score: float
    centre_voxel: tuple[float, float, float]
    diameter_mm: float
    mask: np.ndarray
    origin: tuple[int, int, int]


@dataclass(frozen=True)
class Candidates:
    """All bodies that were looked at: features (n, f), centres and radii in mm from voxel 0."""

    features: np.ndarray
    centres_mm: np.ndarray
    radii_mm: np.ndarray


class NoduleDetector:
    """Finds nodules from 4 to 30 mm in the lungs of a CT series.

    The network of ``session`` takes ``features`` (n, f) and returns ``scores`` (n).
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def detect(self, volume_hu: Volume, spacing_mm: tuple[float, float, float]) -> list[Detection]:
        """Return the nodules of a volume, the surest first.

        Parameters
        ----------
        volume_hu : Hounsfield units, (slices, rows, columns), slices in the order of space
        spacing_mm : distance of slices, of rows and of columns

        Raises
        ------
        ValueError
            The message starts with ``UNSUPPORTED_SERIES``: too few slices, or no lungs in them.
        """
        found = candidates(volume_hu, spacing_mm)
        if not len(found.features):
            return []
        scores = self._session.run(None, {"features": found.features})[0].reshape(-1)
        best = blobs.apart(found.centres_mm, found.radii_mm + _SAME_WITHIN_MM, scores)
        best = best[scores[best] >= LEAST_SCORE][:MOST_DETECTIONS]
        result = []
        for index in best:
            extent = nodule_extent.measure(
                volume_hu, spacing_mm, found.centres_mm[index], float(found.radii_mm[index])
            )
            result.append(
                Detection(
                    CODE,
                    float(scores[index]),
                    extent.centre_voxel,
                    extent.diameter_mm,
                    extent.mask,
                    extent.origin,
                )
            )
        return result


def candidates(volume_hu: Volume, spacing_mm: tuple[float, float, float]) -> Candidates:
    """Return the bodies in the lungs that the network is to judge.

    Raises
    ------
    ValueError
        As for `NoduleDetector.detect`.
    """
    slices = volume_hu.shape[0]
    coverage_mm = slices * spacing_mm[0]
    if slices < LEAST_SLICES or coverage_mm < LEAST_COVERAGE_MM:
        raise ValueError(
            f"{UNSUPPORTED_SERIES}: {slices} slices over {coverage_mm:.0f} mm are too few; send a "
            f"series of at least {LEAST_SLICES} slices over {LEAST_COVERAGE_MM:.0f} mm."
        )
    chest = lungs.find(volume_hu, spacing_mm)
    if chest is None:
        raise ValueError(f"{UNSUPPORTED_SERIES}: no lungs in these slices; send a chest CT.")
    scales = blobs.levels(chest.hu)
    found = blobs.find(scales)
    features, centres, radii = nodule_features.measured(chest, scales, found, spacing_mm[0])
    return Candidates(features, centres + np.array(chest.start_mm), radii)
