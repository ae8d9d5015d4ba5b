"""The detector finds what is burned into real images; ``make eval-text`` tries many more."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from tools.eval_text.overlays import burn
from tools.eval_text.pictures import real_pictures
from tools.eval_text.scores import missed_strings

from wetread.core.pixels.burned_in.boxes import text_mask
from wetread.hooks.text_detection import OnnxTextDetector, text_detector

MODALITIES = ("CT", "MR", "NM", "US", "OT")
RECALL = 0.98


@pytest.fixture(scope="module")
def detector() -> OnnxTextDetector:
    return text_detector()


def test_names_numbers_and_dates_are_found_in_five_modalities(detector: OnnxTextDetector) -> None:
    strings, missed = 0, []
    for modality in MODALITIES:
        pictures = [p for p in real_pictures(modality) if max(p.pixels.shape) < 900]
        for picture in pictures[:3] or real_pictures(modality):
            burned = burn(picture.pixels, 6, np.random.default_rng(5))
            strings += len(burned.strings)
            missed += missed_strings(burned, detector)
    assert strings > 60
    assert len(missed) <= (1 - RECALL) * strings, missed


@pytest.mark.parametrize("shades", [8, 25, 60])
def test_faint_letters_are_found_where_nothing_outshines_them(
    detector: OnnxTextDetector, shades: int
) -> None:
    burned = burn(np.zeros((400, 600), np.uint8), 6, np.random.default_rng(7))
    faint = (burned.pixels // (256 // shades)).astype(np.uint8)
    assert burned.strings
    assert not missed_strings(replace(burned, pixels=faint), detector)


def test_a_picture_of_nothing_has_no_text(detector: OnnxTextDetector) -> None:
    random = np.random.default_rng(1)
    detector_noise = random.normal(30, 6, (512, 512)).clip(0, 255).astype(np.uint8)
    speckle = random.rayleigh(20, (512, 512)).clip(0, 255).astype(np.uint8)
    flat = np.zeros((300, 300), np.uint8), np.full((1, 1, 3), 9, np.uint8)
    for pixels in (*flat, detector_noise, speckle, speckle // 8):
        assert not detector.detect(pixels)


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (31, 33), (1281, 40, 3)])
def test_odd_shapes_are_searched(detector: OnnxTextDetector, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, shape, dtype=np.uint8)
    assert text_mask((shape[0], shape[1]), detector.detect(pixels)).shape == shape[:2]


def test_threads_share_the_detector_and_get_the_same_boxes(detector: OnnxTextDetector) -> None:
    pixels = next(iter(real_pictures("US"))).pixels
    fresh = OnnxTextDetector(detector._session)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(fresh.detect, [pixels] * 4))
    assert answers[0]
    assert all(answer == answers[0] for answer in answers)
    assert text_detector() is detector


def test_importing_the_hook_loads_no_network() -> None:
    heavy = "{'onnxruntime', 'cv2', 'rapidocr_onnxruntime'}"
    code = (
        "import sys, wetread.hooks.text_detection, wetread.gcp.row_analysis;"
        f"sys.exit(bool({heavy} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
