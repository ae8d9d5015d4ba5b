"""The study of the demo, whose nodule is known, and real CT series, which show none."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_files
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_rescale

from modelserver.detectors.nodule import LEAST_SLICES, Detection, NoduleDetector

THRESHOLD = 0.5
DEMO_SLICES, DEMO_SPACING_MM, DEMO_SIZE = 60, 2.5, 512


def report(detector: NoduleDetector) -> list[str]:
    """Return what the detector says of both, in Markdown."""
    return [*_demo(detector), "", *_real(detector)]


def demo_volume() -> tuple[np.ndarray, tuple[float, float, float], np.ndarray, float]:
    """Return HU and spacing of the demo's chest study, the nodule's middle in mm, its diameter."""
    from samples import chest_ct  # noqa: PLC0415
    from samples.thorax import Nodule, slice_hu  # noqa: PLC0415

    nodule, grid = Nodule(), chest_ct.grid(DEMO_SIZE)
    planes = [
        slice_hu(grid, index * DEMO_SPACING_MM, nodule, seed=20260105)
        for index in range(DEMO_SLICES)
    ]
    corner = float(grid.axis_mm()[0])
    x, y, z = nodule.centre_mm
    spacing = (DEMO_SPACING_MM, grid.spacing_mm, grid.spacing_mm)
    middle = np.array([z, y - corner, x - corner])
    return np.stack(planes).astype(np.float32), spacing, middle, nodule.diameter_mm


def _demo(detector: NoduleDetector) -> list[str]:
    volume, spacing, middle, diameter_mm = demo_volume()
    found = [d for d in detector.detect(volume, spacing) if d.score >= THRESHOLD]
    if not found:
        return ["The demo's study: the nodule was not found."]
    off = [np.linalg.norm(np.array(d.centre_voxel) * spacing - middle) for d in found]
    best: Detection = found[int(np.argmin(off))]
    return [
        f"The demo's study, whose phantom is of a third family: {len(found)} detection, "
        f"{min(off):.2f} mm off, diameter {best.diameter_mm:.2f} mm of {diameter_mm:.2f} mm, score "
        f"{best.score:.3f}."
    ]


def _real(detector: NoduleDetector) -> list[str]:
    """Return what becomes of each CT series in the wheels: a control as far as it goes."""
    series = _series()
    found, refused = 0, 0
    for images in series:
        try:
            found += sum(d.score >= THRESHOLD for d in detector.detect(*_volume(images)))
        except ValueError:
            refused += 1
    most = max(len(images) for images in series)
    return [
        f"Real CT in the wheels of pydicom and pydicom-data: {len(series)} series, of at most "
        f"{most} slices. {refused} were refused as too few slices for a volume, "
        f"{len(series) - refused} were analysed with {found} nodules reported. The wheels hold no "
        "chest CT of enough slices, so the rate "
        "of false positives on real lungs is not known."
    ]


def _series() -> list[list[Dataset]]:
    """Return the CT images with a position, by series."""
    series: dict[str, list[Dataset]] = defaultdict(list)
    for path in map(str, get_testdata_files()):
        try:
            dataset = dcmread(path)
        except (InvalidDicomError, OSError, ValueError):
            continue
        if dataset.get("Modality") == "CT" and dataset.get("ImagePositionPatient"):
            series[dataset.SeriesInstanceUID].append(dataset)
    return list(series.values())


def _volume(images: list[Dataset]) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Return HU and spacing, one slice for each place; pixels of too few slices stay unread."""
    places = {float(image.ImagePositionPatient[2]): image for image in images}
    heights = sorted(places)
    step_mm = float(np.median(np.diff(heights))) if len(heights) > 1 else 1.0
    rows, columns = (float(value) for value in images[0].PixelSpacing)
    if len(heights) < LEAST_SLICES:
        return np.zeros((len(heights), 2, 2), np.float32), (step_mm, rows, columns)
    planes = [apply_rescale(places[z].pixel_array, places[z]) for z in heights]
    return np.stack(planes).astype(np.float32), (step_mm, rows, columns)
