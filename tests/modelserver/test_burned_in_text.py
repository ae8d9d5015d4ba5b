"""The model for burned-in text: letters in Pillow's bitmap fount, real screens, and no letters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file

import modelserver
import samples
from modelserver.detectors.burned_in_text import CODE, BurnedInTextDetector
from modelserver.imaging.picture import picture_of

MODEL = Path(modelserver.__file__).parent / "models/burned-in-text/model.onnx"
THRESHOLD = 0.9


@pytest.fixture(scope="module")
def detector() -> BurnedInTextDetector:
    return BurnedInTextDetector(onnxruntime.InferenceSession(MODEL.read_bytes()))


def soft_picture() -> NDArray[np.float32]:
    y, x = np.mgrid[0:400, 0:500] / 400
    return (0.2 + 0.3 * np.sin(3 * x) ** 2 * np.cos(2 * y) ** 2).astype(np.float32)


def with_name(picture: NDArray[np.float32], at: tuple[int, int]) -> NDArray[np.float32]:
    canvas = Image.new("L", picture.shape[::-1])
    font = ImageFont.load_default_imagefont()
    ImageDraw.Draw(canvas).text((at[0] // 2, at[1] // 2), "DOE JANE 1961-04-12", 255, font)
    letters = np.asarray(canvas.resize((1000, 800), Image.Resampling.NEAREST))[:400, :500] > 0
    return np.where(letters, np.float32(1), picture)


@pytest.mark.parametrize("at", [(20, 20), (200, 340)])
def test_a_name_is_seen_where_it_stands(
    detector: BurnedInTextDetector, at: tuple[int, int]
) -> None:
    best = detector.detect(with_name(soft_picture(), at))[0]
    x, y, width, height = best.box
    assert (best.code, best.score >= THRESHOLD) == (CODE, True)
    assert x <= (at[0] + 100) / 500 <= x + width
    assert y <= (at[1] + 10) / 400 <= y + height


def test_a_picture_without_letters_is_negative(detector: BurnedInTextDetector) -> None:
    assert detector.detect(soft_picture())[0].score < THRESHOLD


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_palette.dcm"])
def test_the_text_on_a_real_ultrasound_screen_is_seen(
    detector: BurnedInTextDetector, name: str
) -> None:
    picture = picture_of(Path(get_testdata_file(name)).read_bytes(), 1, (), 2**26)
    assert detector.detect(picture.brightness)[0].score >= THRESHOLD


def test_the_radiograph_of_the_demo_is_negative(detector: BurnedInTextDetector) -> None:
    (study,) = (study for study in samples.catalog() if study.name == "dx-chest")
    (file,) = study.files()
    picture = picture_of(file.content, 1, (), 2**26)
    assert detector.detect(picture.brightness)[0].score < THRESHOLD


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (64, 64)])
def test_any_size_has_an_answer(detector: BurnedInTextDetector, shape: tuple[int, int]) -> None:
    found = detector.detect(np.full(shape, np.nan, np.float32))
    assert all(0 <= detection.score <= 1 for detection in found)
    assert len(found) >= 1
