"""What ``phantom-nodule`` finds on chests that no training phantom resembles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from threadpoolctl import threadpool_limits
from tools.eval_models import controls, thorax
from tools.eval_models.controls import THRESHOLD
from tools.eval_models.lesions import KINDS, Lesion
from tools.eval_models.thorax import Scan

import modelserver
from modelserver.detectors.nodule import Detection, NoduleDetector

LEAST_SENSITIVITY, MOST_FALSE_POSITIVES = 0.9, 1.0
THRESHOLDS = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
FIRST_SEED = 1000
"""Scans below it were looked at while the detector was built."""
_SIZES_MM = ((4, 6), (6, 10), (10, 16), (16, 40))
_SPACINGS_MM = ((0.6, 1.2), (1.2, 1.8), (1.8, 2.5))
MODEL = Path(modelserver.__file__).parent / "models" / "phantom-nodule"


@dataclass(frozen=True)
class Nodule:
    """A nodule of a phantom and, if it was found, how well."""

    kind: str
    diameter_mm: float
    score: float
    off_mm: float
    diameter_error_mm: float
    dice: float


@dataclass(frozen=True)
class Case:
    """One scan: its protocol, its nodules and the scores of what is none."""

    seed: int
    spacing_mm: float
    sharp: bool
    tilted: bool
    nodules: tuple[Nodule, ...]
    false_scores: tuple[float, ...]


def cases(count: int) -> list[Case]:
    """Return the results of ``count`` scans that nobody has looked at."""
    with (
        threadpool_limits(1),
        ProcessPoolExecutor(os.cpu_count(), initializer=threadpool_limits, initargs=(1,)) as pool,
    ):
        return list(pool.map(_case, range(FIRST_SEED, FIRST_SEED + count), chunksize=2))


def report(found: list[Case]) -> tuple[list[str], bool]:
    """Return the lines of the report in Markdown, and whether the model is good enough."""
    nodules = [nodule for case in found for nodule in case.nodules]
    false = sum(score >= THRESHOLD for case in found for score in case.false_scores)
    sensitivity = _sensitivity(nodules)
    rows = [("all", nodules)]
    rows += [
        (f"{low} to {high} mm", [n for n in nodules if low <= n.diameter_mm < high])
        for low, high in _SIZES_MM
    ]
    rows += [(kind, [n for n in nodules if n.kind == kind]) for kind in KINDS]
    groups: list[tuple[str, Callable[[Case], bool]]] = [
        (f"slices {low} to {high} mm apart", lambda c, a=low, b=high: a <= c.spacing_mm < b)
        for low, high in _SPACINGS_MM
    ]
    groups += [
        ("sharp kernel", lambda case: case.sharp),
        ("soft kernel", lambda case: not case.sharp),
        ("tilted gantry", lambda case: case.tilted),
    ]
    rows += [(name, [n for c in found if chosen(c) for n in c.nodules]) for name, chosen in groups]
    lines = [
        f"{len(found)} scans, {len(nodules)} nodules. At a score of {THRESHOLD}: sensitivity "
        f"{sensitivity:.3f}, {false / len(found):.2f} false positives a scan.",
        "",
        "| nodules | number | sensitivity | position error, median / 95 % | diameter error, median"
        " | absolute, median / 95 % | Dice, median |",
        "|---|---|---|---|---|---|---|",
        *(_row(name, chosen) for name, chosen in rows),
        "",
        "| score at least | sensitivity | false positives a scan |",
        "|---|---|---|",
        *(_operating_point(found, nodules, threshold) for threshold in THRESHOLDS),
    ]
    good = sensitivity >= LEAST_SENSITIVITY and false <= MOST_FALSE_POSITIVES * len(found)
    return lines, good


def _row(name: str, nodules: list[Nodule]) -> str:
    hits = [nodule for nodule in nodules if nodule.score >= THRESHOLD]
    if not hits:
        return f"| {name} | {len(nodules)} | - | - | - | - | - |"
    off = np.array([nodule.off_mm for nodule in hits])
    error = np.array([nodule.diameter_error_mm for nodule in hits])
    return (
        f"| {name} | {len(nodules)} | {_sensitivity(nodules):.3f} | {_spread(off)} mm "
        f"| {np.median(error):+.2f} mm | {_spread(np.abs(error))} mm "
        f"| {np.median([nodule.dice for nodule in hits]):.2f} |"
    )


def _spread(values: np.ndarray) -> str:
    return f"{np.median(values):.2f} / {np.percentile(values, 95):.2f}"


def _sensitivity(nodules: Iterable[Nodule], threshold: float = THRESHOLD) -> float:
    found = [nodule.score >= threshold for nodule in nodules]
    return sum(found) / max(len(found), 1)


def _operating_point(found: list[Case], nodules: list[Nodule], threshold: float) -> str:
    false = sum(score >= threshold for case in found for score in case.false_scores)
    return f"| {threshold} | {_sensitivity(nodules, threshold):.3f} | {false / len(found):.2f} |"


@cache
def detector() -> NoduleDetector:
    """Return the shipped model; one thread, so that sums are taken in one order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = str(MODEL / "model.onnx")
    return NoduleDetector(
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    )


def _case(seed: int) -> Case:
    scan = thorax.make(seed)
    detections = detector().detect(scan.volume_hu, scan.spacing_mm)
    middles = [scan.lattice.world(np.array(found.centre_voxel)) for found in detections]
    free = set(range(len(detections)))
    nodules = []
    for lesion in scan.lesions:
        off = {k: float(np.linalg.norm(middles[k] - lesion.centre_mm)) for k in free}
        near = [k for k in free if off[k] < lesion.diameter_mm / 2]
        if not near:
            nodules.append(Nodule(lesion.kind, lesion.diameter_mm, 0.0, 0.0, 0.0, 0.0))
            continue
        best = max(near, key=lambda k: detections[k].score)
        free.discard(best)
        nodules.append(_compared(scan, lesion, detections[best], off[best]))
    protocol = scan.protocol
    return Case(
        seed,
        protocol.spacing_mm,
        protocol.sharp,
        protocol.tilt_degrees != 0,
        tuple(nodules),
        tuple(detections[k].score for k in sorted(free)),
    )


def _compared(scan: Scan, lesion: Lesion, found: Detection, off_mm: float) -> Nodule:
    truth = np.zeros(scan.volume_hu.shape, bool)
    part = scan.lattice.box(lesion.centre_mm, lesion.reach_mm)
    if part is not None:
        box, away = part
        truth[box] = lesion.share(away) > 0.5
    size = truth.sum() + found.mask.sum()
    corner = zip(found.origin, found.mask.shape, strict=True)
    shared = (truth[tuple(slice(a, a + n) for a, n in corner)] & found.mask).sum()
    return Nodule(
        lesion.kind,
        lesion.diameter_mm,
        found.score,
        off_mm,
        found.diameter_mm - lesion.diameter_mm,
        float(2 * shared / max(size, 1)),
    )


def evaluate(count: int) -> tuple[list[str], bool]:
    """Return the report of ``count`` phantoms, the demo's study and the real series."""
    lines, good = report(cases(count))
    return [*lines, "", *controls.report(detector())], good
