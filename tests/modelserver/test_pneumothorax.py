"""The pneumothorax model on the demo's radiographs, and on pictures that are none."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

import modelserver
import samples
from modelserver.detectors.pneumothorax import CODE, PneumothoraxDetector

MODEL = Path(modelserver.__file__).parent / "models/phantom-pneumothorax/model.onnx"
THRESHOLD = 0.5
STUDIES = {study.name: study for study in samples.catalog()}


@pytest.fixture(scope="module")
def detector() -> PneumothoraxDetector:
    return PneumothoraxDetector(onnxruntime.InferenceSession(MODEL.read_bytes()))


def radiograph(name: str) -> NDArray[np.float32]:
    (file,) = STUDIES[name].files()
    ds = dcmread(BytesIO(file.content))
    return (ds.pixel_array / (2**ds.BitsStored - 1)).astype(np.float32)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_sample_with_a_pneumothorax_is_found_where_it_is(
    detector: PneumothoraxDetector, mirrored: bool
) -> None:
    picture = radiograph("dx-chest-pneumothorax")
    found = detector.detect(picture[:, ::-1] if mirrored else picture)
    above = [detection for detection in found if detection.score >= THRESHOLD]
    assert [detection.code for detection in above] == [CODE]
    x, y, width, height = above[0].box
    centre = (x + width / 2, y + height / 2)
    (expected,) = STUDIES["dx-chest-pneumothorax"].expected.model_findings
    truth = (1 - expected.centre[0], expected.centre[1]) if mirrored else expected.centre
    assert expected.code == CODE
    assert np.hypot(*np.subtract(centre, truth)) <= expected.tolerance


def test_the_sample_without_one_is_negative(detector: PneumothoraxDetector) -> None:
    assert max(found.score for found in detector.detect(radiograph("dx-chest"))) < THRESHOLD


def test_size_and_brightness_do_not_change_what_is_found(detector: PneumothoraxDetector) -> None:
    picture = radiograph("dx-chest-pneumothorax")
    reduced = picture.reshape(512, 4, 512, 4).mean((1, 3))
    scores = [detector.detect(p)[0].score for p in (picture, reduced, picture * 0.5 + 0.2)]
    assert scores == pytest.approx([scores[0]] * 3, abs=0.05)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1), np.float32),
        np.full((3, 500), np.nan, np.float32),
        np.ones((16, 16), np.float32),
    ],
    ids=["one-pixel", "not-a-number", "even"],
)
def test_any_picture_has_a_score_for_each_side_and_boxes_inside_it(
    detector: PneumothoraxDetector, picture: NDArray[np.float32]
) -> None:
    found = detector.detect(picture)
    assert len(found) == 2
    for detection in found:
        x, y, width, height = detection.box
        assert 0 <= detection.score <= 1
        assert 0 <= x < x + width <= 1 + 1e-9
        assert 0 <= y < y + height <= 1 + 1e-9
