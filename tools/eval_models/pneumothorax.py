"""What ``phantom-pneumothorax`` says of radiographs of a family that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_files
from pydicom.errors import InvalidDicomError
from tools.eval_models.radiographs import KINDS, Radiograph, radiograph

import modelserver
from modelserver.detectors.boxes import Detection2D
from modelserver.detectors.pneumothorax import PneumothoraxDetector
from modelserver.imaging.picture import picture_of

THRESHOLD = 0.5
THRESHOLDS = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
LEAST_SENSITIVITY, LEAST_SPECIFICITY = 0.55, 0.75
"""What the shipped weights must not fall below; it is no claim that this is enough."""
MODEL = Path(modelserver.__file__).parent / "models" / "phantom-pneumothorax"
_LARGE = 0.02
"""Share of the picture from which a pneumothorax counts as large."""
_LIMIT = 2**26


@dataclass(frozen=True)
class Case:
    """One phantom: what it has, the score, and how well the region fits."""

    kind: str
    share: float
    score: float
    overlap: float
    """Intersection over union of the best region's box with that of the truth."""
    same_side: bool


def evaluate(count: int = 240) -> tuple[list[str], bool]:
    """Return the report on ``count`` phantoms, and whether the model is good enough."""
    detector = PneumothoraxDetector(
        onnxruntime.InferenceSession((MODEL / "model.onnx").read_bytes())
    )
    found = [_case(detector, radiograph(seed)) for seed in range(count)]
    well = [case for case in found if case.kind == "none"]
    sick = [case for case in found if case.kind != "none"]
    lines = [
        f"{len(sick)} phantoms with a pneumothorax, {len(well)} without, of a family that was not "
        f"trained on; area under the ROC curve {_area(sick, well):.3f}.",
        "",
        "| score at least | sensitivity | specificity |",
        "|---|---|---|",
        *(
            f"| {limit} | {_share(sick, limit):.3f} | {1 - _share(well, limit):.3f} |"
            for limit in THRESHOLDS
        ),
        "",
        f"| at {THRESHOLD} | phantoms | sensitivity | on the right side | overlap, median |",
        "|---|---|---|---|---|",
        *(_row(kind, [case for case in sick if case.kind == kind]) for kind in KINDS),
        _row("2 % of the picture or more", [case for case in sick if case.share >= _LARGE]),
        _row("less", [case for case in sick if case.share < _LARGE]),
        "",
        "| other pictures | score |",
        "|---|---|",
        *(f"| {name} | {score:.3f} |" for name, score in _others(detector)),
    ]
    good = _share(sick, THRESHOLD) >= LEAST_SENSITIVITY
    return lines, good and 1 - _share(well, THRESHOLD) >= LEAST_SPECIFICITY


def _case(detector: PneumothoraxDetector, phantom: Radiograph) -> Case:
    best = detector.detect(phantom.image)[0]
    share = float(phantom.space.mean())
    if phantom.kind == "none":
        return Case("none", share, best.score, 0.0, False)
    box = _box(phantom.space)
    middles = (found[0] + found[2] / 2 for found in (best.box, box))
    same_side = len({middle > 0.5 for middle in middles}) == 1
    return Case(phantom.kind, share, best.score, _overlap(best, box), same_side)


def _box(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    left, top = columns.min() / width, rows.min() / height
    return left, top, (columns.max() + 1) / width - left, (rows.max() + 1) / height - top


def _overlap(found: Detection2D, box: tuple[float, float, float, float]) -> float:
    (ax, ay, aw, ah), (bx, by, bw, bh) = found.box, box
    across = max(0.0, min(ax + aw, bx + bw) - max(ax, bx))
    down = max(0.0, min(ay + ah, by + bh) - max(ay, by))
    return across * down / (aw * ah + bw * bh - across * down)


def _share(cases: list[Case], limit: float) -> float:
    return sum(case.score >= limit for case in cases) / max(len(cases), 1)


def _area(sick: list[Case], well: list[Case]) -> float:
    """Return how often a sick phantom's score is above a well one's."""
    pairs = [(a.score > b.score) + (a.score == b.score) / 2 for a in sick for b in well]
    return float(np.mean(pairs))


def _row(name: str, cases: list[Case]) -> str:
    hits = [case for case in cases if case.score >= THRESHOLD]
    if not hits:
        return f"| {name} | {len(cases)} | 0.000 | - | - |"
    side = sum(case.same_side for case in hits) / len(hits)
    overlap = np.median([case.overlap for case in hits])
    return (
        f"| {name} | {len(cases)} | {_share(cases, THRESHOLD):.3f} | {side:.3f} | {overlap:.2f} |"
    )


def _others(detector: PneumothoraxDetector) -> Iterator[tuple[str, float]]:
    """Yield the demo's two radiographs and every real one in the wheels; none of those has one."""
    from samples import catalog  # noqa: PLC0415

    for study in catalog():
        if study.name.startswith("dx-chest"):
            (file,) = study.files()
            picture = picture_of(file.content, 1, (), _LIMIT)
            yield f"sample study {study.name}", detector.detect(picture.brightness)[0].score
    for path in map(Path, sorted(map(str, get_testdata_files()))):
        try:
            dataset = dcmread(BytesIO(path.read_bytes()))
        except (InvalidDicomError, OSError, ValueError):
            continue
        syntax = dataset.file_meta.get("TransferSyntaxUID", "")
        if dataset.get("Modality") not in ("CR", "DX") or not syntax or syntax.is_compressed:
            continue  # compressed ones are copies
        brightness = picture_of(path.read_bytes(), 1, (), _LIMIT).brightness
        size = f"{dataset.Rows} x {dataset.Columns}"
        label = f"{path.name} ({dataset.get('BodyPartExamined', '')}, {size}), real, none"
        yield label, detector.detect(brightness)[0].score
