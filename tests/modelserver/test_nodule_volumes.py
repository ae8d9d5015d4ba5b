"""The detectors' own operations on volumes against those of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from modelserver.detectors import volumes

shapes = st.tuples(*[st.integers(1, 9)] * 3)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, seed=seeds, share=st.floats(0, 1))
def test_pieces_are_those_that_touch_by_faces(
    shape: tuple[int, int, int], seed: int, share: float
) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    labels, count = volumes.pieces(mask)
    expected, number = ndimage.label(mask)
    assert count == number
    assert len(np.unique(np.stack([labels[mask], expected[mask]]), axis=1).T) == number
    assert not labels[~mask].any()


@settings(max_examples=40, deadline=None)
@given(shape=shapes, seed=seeds)
def test_distance_is_exact_up_to_its_reach(shape: tuple[int, int, int], seed: int) -> None:
    mask = np.random.default_rng(seed).random(shape) < 0.05
    mask.flat[0] = True
    expected = np.minimum(ndimage.distance_transform_edt(~mask), 4)
    np.testing.assert_allclose(volumes.distance(mask, 4), expected, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(shape=shapes, seed=seeds)
def test_values_between_voxels_are_trilinear(shape: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    volume = rng.normal(size=shape).astype(np.float32)
    points = rng.uniform(-1, 1, (20, 3)) * 2 + np.array(shape) / 2
    expected = ndimage.map_coordinates(volume, points.T, order=1, mode="nearest")
    np.testing.assert_allclose(volumes.values_at(volume, points), expected, atol=1e-4)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_smoothing_is_gaussian(sigma: float) -> None:
    volume = np.random.default_rng(1).normal(size=(14, 12, 13)).astype(np.float32)
    expected = ndimage.gaussian_filter(
        volume, sigma, mode="nearest", radius=int(np.ceil(3 * sigma))
    )
    np.testing.assert_allclose(volumes.smoothed(volume, sigma), expected, atol=1e-5)


@given(step=st.floats(0.3, 3.0), start=st.floats(0, 5))
def test_a_linear_ramp_survives_resampling(step: float, start: float) -> None:
    ramp = np.arange(40, dtype=np.float32) * 0.7
    count = max(int((39 * 0.7 - start - 3) / step), 1)
    weights = volumes.weights_of_resampling(40, 0.7, count, step, start)
    inner = (start + np.arange(count) * step) > max(step, 0.7)
    expected = (start + np.arange(count) * step)[inner]
    np.testing.assert_allclose((weights @ ramp)[inner], expected, atol=0.25 * step)
