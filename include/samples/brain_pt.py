"""Positron Emission Tomography Image Storage (PS3.3 A.21) of a head phantom after FDG.

Grey matter takes up glucose and white matter little. Each slice has a rescale slope of its own, as
scanners write it to use all 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import PositronEmissionTomographyImageStorage

from samples import part10
from samples.identity import IDENTITIES, uid
from samples.shapes import Grid, Image, paint_ellipse
from samples.study import SampleFile
from samples.textures import blurred

SLICES, SPACING_MM = 12, 6.0
_GRID = Grid(128, 2.0)
_GREY, _WHITE, _FLUID, _SCALP = 26_000, 9_000, 1_500, 3_200
"""Activity concentration, Bq/ml."""
_LARGEST = 32_000


def build(study: str) -> Iterator[SampleFile]:
    """Make one attenuation-corrected series from below the basal ganglia upwards."""
    for index in range(SLICES):
        activity = _activity(index)
        yield SampleFile(f"PT{index + 1:03d}.dcm", _encode(study, index, activity))


def _activity(index: int) -> Image:
    z_mm = index * SPACING_MM
    shrink = float(np.sqrt(1 - (z_mm / 92) ** 2))
    image = np.zeros((_GRID.size, _GRID.size), np.float32)
    paint_ellipse(image, _GRID, (0, 0), (78 * shrink, 98 * shrink), _SCALP, power=2.2)
    paint_ellipse(image, _GRID, (0, 0), (70 * shrink, 90 * shrink), _FLUID, power=2.2)
    paint_ellipse(image, _GRID, (0, 0), (66 * shrink, 86 * shrink), _GREY, power=2.2)
    _paint_white_matter(image, shrink)
    _paint_deep_structures(image, z_mm)
    seen = blurred(image, (1.35, 1.35))
    rng = np.random.default_rng([77, index])
    noise = blurred(rng.standard_normal(seen.shape, np.float32), (0.9, 0.9))
    return np.maximum(seen + noise * (450 + 0.16 * seen), 0)


def _paint_white_matter(image: Image, shrink: float) -> None:
    """Paint the white matter with a folded border; the cleft between the halves is dark."""
    axis = _GRID.axis_mm()
    x, y = axis[None, :], axis[:, None]
    angle = np.arctan2(y, np.abs(x) - 26 * shrink)
    folds = 1 + 0.13 * np.sin(9 * angle) + 0.08 * np.sin(15 * angle + 1)
    for side in (-1, 1):
        radius = np.hypot((x - side * 30 * shrink) / (23 * shrink), y / (75 * shrink))
        coverage = np.clip((folds - radius) * 20 * shrink / 2 + 0.5, 0, 1)
        image += coverage * (_WHITE - image)
    cleft = np.clip(2.2 - np.abs(x), 0, 1) * (np.abs(y) < 88 * shrink) * (np.abs(y) > 34)
    image += cleft * (_FLUID - image)


def _paint_deep_structures(image: Image, z_mm: float) -> None:
    """Paint caudates, putamina and thalami round the ventricles; all fade out upwards."""
    presence = float(np.clip(1 - z_mm / 34, 0, 1))
    ventricle = float(np.clip(1 - abs(z_mm - 18) / 34, 0, 1))
    for side in (-1, 1):
        for step in np.linspace(-1, 1, 24):
            horn = (side * (6 + 8 * step**2), 2 + 27 * step)
            paint_ellipse(image, _GRID, horn, (5 * ventricle, 5 * ventricle), _FLUID)
        if presence > 0.15:
            value = _WHITE + (_GREY * 1.08 - _WHITE) * presence**0.5
            paint_ellipse(image, _GRID, (side * 13, -19), (5.5, 10), value)
            paint_ellipse(image, _GRID, (side * 27, -3), (6, 17), value)
            paint_ellipse(image, _GRID, (side * 10, 13), (8, 12), value * 0.92)


def _encode(study: str, index: int, activity: Image) -> bytes:
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=1,
        instance=index + 1,
        modality="PT",
        sop_class=PositronEmissionTomographyImageStorage,
        study_description="FDG PET brain (phantom)",
        series_description="Brain FDG, attenuation corrected",
    )
    corner_mm = float(_GRID.axis_mm()[0])
    position = (corner_mm, corner_mm, index * SPACING_MM)
    part10.set_plane(ds, uid(study, "frame"), position, _GRID.spacing_mm)
    _describe_acquisition(ds, index)
    slope = float(f"{activity.max() / _LARGEST:.6g}")
    ds.RescaleIntercept, ds.RescaleSlope = 0, slope
    part10.set_pixels(ds, np.rint(activity / slope), bits_stored=16)
    return part10.encode(ds)


def _describe_acquisition(ds: Dataset, index: int) -> None:
    """Write what the PET IOD asks for beside the pixels (PS3.3 C.8.9)."""
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.BodyPartExamined = "BRAIN"
    ds.SliceThickness = SPACING_MM
    ds.Units, ds.CountsSource, ds.SeriesType = "BQML", "EMISSION", ["STATIC", "IMAGE"]
    ds.NumberOfSlices, ds.ImageIndex = SLICES, index + 1
    ds.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
    ds.DecayCorrection, ds.DecayFactor = "START", 1
    del ds.PatientPosition  # the codes take its place (PS3.3 C.8.4.6)
    ds.PatientOrientationCodeSequence = Sequence([part10.code("102538003", "SCT", "recumbent")])
    ds.PatientGantryRelationshipCodeSequence = Sequence(
        [part10.code("102540001", "SCT", "headfirst")]
    )
    ds.CollimatorType = "NONE"
    ds.FrameReferenceTime = 0
    ds.ActualFrameDuration = 900_000
    tracer = Dataset()
    tracer.RadionuclideCodeSequence = Sequence([part10.code("77004003", "SCT", "^18^Fluorine")])
    tracer.RadionuclideTotalDose = 185_000_000
    tracer.RadionuclideHalfLife = 6586.2
    tracer.RadiopharmaceuticalStartTime = "071500"
    ds.RadiopharmaceuticalInformationSequence = Sequence([tracer])
    ds.PatientWeight = 68
