"""The nodule model with its shipped weights: what it finds, measures, leaves out and refuses."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import modelserver
from modelserver.detectors.nodule import CODE, Detection, NoduleDetector
from samples import chest_ct
from samples.thorax import Nodule, slice_hu

THRESHOLD = 0.5
MODEL = Path(modelserver.__file__).parent / "models" / "phantom-nodule" / "model.onnx"
Spacing = tuple[float, float, float]


@cache
def _detector() -> NoduleDetector:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return NoduleDetector(
        onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    )


def _found(volume: np.ndarray, spacing_mm: Spacing) -> list[Detection]:
    detections = _detector().detect(volume, spacing_mm)
    return [detection for detection in detections if detection.score >= THRESHOLD]


def _chest(
    spacing_mm: Spacing, ball_mm: tuple[float, float, float], diameter_mm: float
) -> np.ndarray:
    """Return a box of tissue, 100 x 140 x 120 mm, with one lung and a ball in it."""
    shape = [int(extent / step) for extent, step in zip((100, 140, 120), spacing_mm, strict=True)]
    axes = [np.arange(n) * step for n, step in zip(shape, spacing_mm, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    lung = 1 - np.sqrt(((z - 50) / 80) ** 2 + ((y - 70) / 55) ** 2 + ((x - 60) / 45) ** 2)
    air = np.clip(lung * 45 / 0.7 + 0.5, 0, 1)
    offsets = zip((z, y, x), ball_mm, strict=True)
    gap = np.sqrt(sum((axis - middle) ** 2 for axis, middle in offsets))
    ball = np.clip((diameter_mm / 2 - gap) / max(spacing_mm[1:]) + 0.5, 0, 1)
    noise = np.random.default_rng(3).normal(0, 12, shape)
    return (40 - 890 * air * (1 - ball) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def demo() -> tuple[np.ndarray, Spacing]:
    """The demo's study ct-chest-nodule in HU, and its spacing."""
    grid = chest_ct.grid(512)
    planes = [slice_hu(grid, index * 2.5, Nodule(), seed=20260105) for index in range(60)]
    return np.stack(planes).astype(np.float32), (2.5, grid.spacing_mm, grid.spacing_mm)


def test_nodule_of_the_demo_is_within_2_mm_and_its_diameter_within_1_mm(
    demo: tuple[np.ndarray, Spacing],
) -> None:
    volume, spacing = demo
    found = _found(volume, spacing)
    corner = float(chest_ct.grid(512).axis_mm()[0])
    x, y, z = Nodule().centre_mm
    off = np.array(found[0].centre_voxel) * spacing - (z, y - corner, x - corner)
    assert np.linalg.norm(off) < 2
    assert abs(found[0].diameter_mm - Nodule().diameter_mm) < 1
    assert found[0].code == CODE
    assert len(found) <= 2, "at most one false positive beside the nodule"


@pytest.mark.parametrize(
    ("spacing", "diameter"),
    [
        ((0.8, 0.7, 0.7), 6.0),
        ((1.25, 0.9, 0.7), 9.0),
        ((2.5, 0.7, 0.7), 8.0),
        ((2.0, 0.8, 0.8), 20.0),
    ],
)
def test_ball_is_found_and_measured_at_any_spacing(spacing: Spacing, diameter: float) -> None:
    middle = (51.0, 62.0, 66.0)
    found = _found(_chest(spacing, middle, diameter), spacing)
    assert len(found) == 1
    assert np.linalg.norm(np.array(found[0].centre_voxel) * spacing - middle) < 1
    assert found[0].diameter_mm == pytest.approx(diameter, abs=0.7)


def test_mask_lies_around_the_centre_and_has_the_volume_of_the_ball() -> None:
    spacing = (1.0, 0.8, 0.8)
    (found,) = _found(_chest(spacing, (51.0, 62.0, 66.0), 12.0), spacing)
    middle = np.argwhere(found.mask).mean(axis=0) + found.origin
    assert np.abs(middle - found.centre_voxel).max() < 0.5
    assert found.mask.sum() * np.prod(spacing) == pytest.approx(np.pi / 6 * 12**3, rel=0.1)


def test_lung_without_a_nodule_yields_none() -> None:
    spacing = (1.5, 0.8, 0.8)
    assert not _found(_chest(spacing, (51.0, 62.0, 66.0), 0.0), spacing)


def test_same_volume_gives_the_same_answer() -> None:
    spacing = (2.0, 0.8, 0.8)
    volume = _chest(spacing, (51.0, 62.0, 66.0), 10.0)
    first, second = (_found(volume, spacing)[0] for _ in range(2))
    assert first.score == second.score
    assert first.centre_voxel == second.centre_voxel


@pytest.mark.parametrize(
    ("volume", "spacing", "why"),
    [
        (np.zeros((7, 64, 64), np.float32), (5.0, 1.0, 1.0), "7 slices"),
        (np.zeros((12, 64, 64), np.float32), (1.0, 1.0, 1.0), "12 mm"),
        (np.full((20, 64, 64), 40, np.float32), (3.0, 2.0, 2.0), "no lungs"),
        (np.full((20, 64, 64), -1000, np.float32), (3.0, 2.0, 2.0), "no lungs"),
    ],
)
def test_series_that_shows_no_chest_is_refused(
    volume: np.ndarray, spacing: Spacing, why: str
) -> None:
    with pytest.raises(ValueError, match=f"^UNSUPPORTED_SERIES: .*{why}"):
        _detector().detect(volume, spacing)
