"""What ``burned-in-text`` says of pictures and founts that it was not trained on."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from tools.eval_models import letters
from tools.eval_models.radiographs import radiograph

import modelserver
from modelserver.detectors.boxes import Detection2D
from modelserver.detectors.burned_in_text import BurnedInTextDetector
from modelserver.imaging.picture import picture_of

THRESHOLD = 0.9
THRESHOLDS = (0.5, 0.8, 0.9, 0.97)
LEAST_RECALL, MOST_FALSE_ALARMS = 0.85, 0.25
MODEL = Path(modelserver.__file__).parent / "models" / "burned-in-text"
PHOTOGRAPHS = ("motorcycle_left.png", "motorcycle_right.png", "microaneurysms.png", "horse.png",
               "clock_motion.png", "phantom.png", "chessboard_GRAY.png", "color.png")  # fmt: skip
WITH_TEXT = ("US1_UNCR.dcm", "OBXXXX1A.dcm", "gdcm-US-ALOKA-16.dcm", "examples_rgb_color.dcm",
             "JPGLosslessP14SV1_1s_1f_8b.dcm", "color3d_jpeg_baseline.dcm", "mlut_18.dcm",
             "examples_palette.dcm", "RG3_UNCR.dcm")  # fmt: skip
"""Real images in which letters can be read; the last one has a lead letter only."""
WITHOUT_TEXT = ("RG1_UNCR.dcm", "693_UNCR.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm",
                "emri_small.dcm", "eCT_Supplemental.dcm", "liver.dcm")  # fmt: skip
_SIDE = 320
_LIMIT = 2**26

Plane = NDArray[np.float32]
Fount = Callable[[np.random.Generator, str], Plane]
FOUNTS: dict[str, Fount] = {"bitmap": letters.bitmap, "strokes": letters.strokes}


@dataclass(frozen=True)
class Case:
    """One picture: how it was made, its score, and whether the best region lies on the text."""

    fount: str
    score: float
    on_text: bool = False


def cases(count: int) -> list[Case]:
    """Return the results for ``count`` pictures, half of them with text."""
    detector = _detector()
    grounds = _grounds()
    return [_case(detector, grounds[number % len(grounds)], number) for number in range(count)]


def report(found: list[Case]) -> tuple[list[str], bool]:
    """Return the lines of the report in Markdown, and whether the model is good enough."""
    clean = [case for case in found if not case.fount]
    lines = [
        f"{len(found)} pictures, {len(clean)} of them without text; founts and pictures are not "
        "those of the training.",
        "",
        "| score at least | recall, bitmap fount | recall, strokes | best region on the text "
        "| false alarms |",
        "|---|---|---|---|---|",
    ]
    for threshold in THRESHOLDS:
        founts = [[c for c in found if c.fount == name] for name in FOUNTS]
        recalls = " | ".join(f"{_share(cases, threshold):.3f}" for cases in founts)
        hits = [case for case in found if case.fount and case.score >= threshold]
        placed = sum(case.on_text for case in hits) / max(len(hits), 1)
        false = _share(clean, threshold)
        lines.append(f"| {threshold} | {recalls} | {placed:.3f} | {false:.3f} |")
    lines += ["", "| real image | text | score |", "|---|---|---|", *_real_lines()]
    written = [case for case in found if case.fount]
    good = _share(written, THRESHOLD) >= LEAST_RECALL
    return lines, good and _share(clean, THRESHOLD) <= MOST_FALSE_ALARMS


def evaluate(count: int = 240) -> tuple[list[str], bool]:
    """Return the report on ``count`` pictures, and whether the model is good enough."""
    return report(cases(count))


def _share(found: list[Case], threshold: float) -> float:
    return sum(case.score >= threshold for case in found) / max(len(found), 1)


def _detector() -> BurnedInTextDetector:
    return BurnedInTextDetector(onnxruntime.InferenceSession((MODEL / "model.onnx").read_bytes()))


def _real_lines() -> Iterator[str]:
    detector = _detector()
    for text, names in (("yes", WITH_TEXT), ("no", WITHOUT_TEXT)):
        for name in names:
            best = detector.detect(_brightness(name))[0]
            yield f"| {name} | {text} | {best.score:.3f} |"


def _brightness(name: str) -> Plane:
    return picture_of(Path(get_testdata_file(name)).read_bytes(), 1, (), _LIMIT).brightness


def _grounds() -> list[Plane]:
    """Return pictures without text: real ones from the wheels, and phantoms' radiographs."""
    spec = importlib.util.find_spec("skimage")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    found = [
        np.asarray(Image.open(folder / name).convert("L"), np.float32) / 255 for name in PHOTOGRAPHS
    ]
    found += [_brightness(name) for name in WITHOUT_TEXT]
    return found + [radiograph(40_000 + seed).image for seed in range(len(found))]


def _case(detector: BurnedInTextDetector, ground: Plane, number: int) -> Case:
    rng = np.random.default_rng([7331, number])
    top, left = (int(rng.integers(max(1, side - _SIDE + 1))) for side in ground.shape)
    picture = ground[top : top + _SIDE, left : left + _SIDE].copy()
    fount = list(FOUNTS)[number // 2 % 2] if number % 2 else ""
    box = _written(rng, picture, FOUNTS[fount]) if fount else (0, 0, 0, 0)
    best = detector.detect(picture)[0]
    return Case(fount, best.score, _overlaps(best, box, picture.shape))


def _written(rng: np.random.Generator, picture: Plane, fount: Fount) -> tuple[int, int, int, int]:
    """Write one to three lines into ``picture``; return their box: x, y, width, height."""
    y = int(rng.uniform(0, 0.7) * picture.shape[0])
    x, first, right = int(rng.uniform(0, 0.3) * picture.shape[1]), y, 0
    for _ in range(rng.integers(1, 4)):
        coverage = fount(rng, letters.text(rng))[: picture.shape[0] - y, : picture.shape[1] - x]
        ground = picture[y : y + coverage.shape[0], x : x + coverage.shape[1]]
        tone = 1.0 if ground.mean() < 0.5 else 0.0
        ground += coverage * rng.uniform(0.5, 1.0) * (tone - ground)
        y, right = y + coverage.shape[0], max(right, coverage.shape[1])
        if y > picture.shape[0] - 12:
            break
    return x, first, right, y - first


def _overlaps(found: Detection2D, box: tuple[int, int, int, int], shape: tuple[int, ...]) -> bool:
    left, top, width, height = found.box
    x, y = left * shape[1], top * shape[0]
    across = min(x + width * shape[1], box[0] + box[2]) - max(x, box[0])
    down = min(y + height * shape[0], box[1] + box[3]) - max(y, box[1])
    return across > 0 and down > 0
