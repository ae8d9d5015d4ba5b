"""Nuclear Medicine Image Storage (PS3.3 A.5): a whole-body bone scan, from the front and the back.

A metastasis in the left femur takes up more than bone does elsewhere. Counts are what a gamma
camera collects: few, so that they scatter as their square root, and blurred with depth.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import NuclearMedicineImageStorage

from samples import part10
from samples.identity import IDENTITIES
from samples.shapes import Grid, Image, paint_ellipse
from samples.study import SampleFile
from samples.textures import blurred

ROWS, COLUMNS, SPACING_MM = 1024, 256, 1.9
_GRID = Grid(ROWS, SPACING_MM)
_MIDDLE = slice((ROWS - COLUMNS) // 2, (ROWS + COLUMNS) // 2)
VIEWS = ("ANTERIOR", "POSTERIOR")
LESION_MM, _LESION_RADIUS_MM = (106.0, 170.0), 23.0
"""From the front, where the patient's left is at the right of the image."""

_Part = tuple[tuple[float, float], tuple[float, float], float]
"""Centre and radii in mm, and activity; painted over what is there."""


def build(study: str) -> Iterator[SampleFile]:
    """Make both views as one multi-frame image."""
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=1,
        instance=1,
        modality="NM",
        sop_class=NuclearMedicineImageStorage,
        study_description="Bone scan, whole body (phantom)",
        series_description="Whole body, 3 h",
    )
    rng = np.random.default_rng(20260105)
    frames = np.stack([rng.poisson(_counts(view)) for view in VIEWS])
    _describe_acquisition(ds)
    part10.set_pixels(ds, frames.reshape(-1, COLUMNS), bits_stored=16)
    ds.Rows = ROWS
    yield SampleFile("WHOLE_BODY.dcm", part10.encode(ds))


def _counts(view: str) -> Image:
    """Return the counts to expect in each pixel."""
    from_behind = view == "POSTERIOR"
    soft = np.zeros((ROWS, ROWS), np.float32)
    for centre, radii, value in _mirrored(_SOFT):
        paint_ellipse(soft, _GRID, centre, radii, value, power=2.5)
    bone = np.zeros_like(soft)
    spine = 1.0 if from_behind else 0.55
    front = 0.45 if from_behind else 1.0
    for centre, radii, value in _mirrored(_BONES):
        paint_ellipse(bone, _GRID, centre, radii, value, power=2.2)
    _paint_ribs(bone, 5.0 if from_behind else 4.2)
    _paint_spine(bone, 11 * spine)
    paint_ellipse(bone, _GRID, (0, -455), (11, 85), 10 * front, power=2.5)
    for side in (-1, 1):
        kidney = 8.0 if from_behind else 2.5
        paint_ellipse(bone, _GRID, (side * 62, -255), (23, 46), kidney)
    paint_ellipse(bone, _GRID, (0, -18), (42, 24), 15 * front + 4)
    lesion_x = -LESION_MM[0] if from_behind else LESION_MM[0]
    radii = (_LESION_RADIUS_MM, _LESION_RADIUS_MM * 1.15)
    paint_ellipse(bone, _GRID, (lesion_x, LESION_MM[1]), radii, 19)
    blur = blurred(bone, (2.6, 2.6)) + blurred(soft, (5, 5))
    return np.clip(blur[:, _MIDDLE], 0, None) + 0.05


def _mirrored(parts: tuple[_Part, ...]) -> Iterator[_Part]:
    for (x, y), radii, value in parts:
        yield (x, y), radii, value
        if x:
            yield (-x, y), radii, value


_SOFT: tuple[_Part, ...] = (
    ((0, -800), (78, 110), 0.8),
    ((0, -680), (52, 60), 0.8),
    ((0, -360), (165, 250), 1.2),
    ((0, -80), (170, 130), 1.3),
    ((205, -400), (38, 180), 0.8),
    ((222, -140), (30, 160), 0.7),
    ((88, 190), (72, 260), 1.0),
    ((80, 600), (48, 270), 0.8),
    ((86, 880), (38, 60), 0.6),
)
_BONES: tuple[_Part, ...] = (
    ((0, -830), (68, 80), 4.5),
    ((0, -835), (55, 66), 3.6),
    ((0, -752), (46, 30), 5.5),
    ((0, -725), (32, 22), 5),
    ((95, -588), (72, 8), 5.5),
    ((178, -572), (22, 28), 6),
    ((120, -500), (20, 62), 3.2),
    ((203, -440), (12, 130), 3.8),
    ((208, -300), (17, 24), 4.4),
    ((222, -190), (14, 105), 3),
    ((232, -70), (24, 38), 3.6),
    ((92, -85), (60, 50), 5.5),
    ((58, -100), (22, 48), 8.5),
    ((122, -5), (32, 32), 7),
    ((52, 42), (26, 22), 5),
    ((106, 190), (15, 195), 3.6),
    ((94, 388), (33, 24), 4.6),
    ((92, 428), (31, 17), 4.4),
    ((86, 600), (15, 185), 3.6),
    ((84, 800), (20, 26), 4.2),
    ((88, 870), (22, 48), 3.4),
)


def _paint_ribs(image: Image, value: float) -> None:
    """Paint ten pairs of ribs, each a chain of dots from the spine round the side."""
    for number in range(10):
        half_width = 78 + 52 * np.sin(np.pi * (number + 1.5) / 13)
        for side in (-1, 1):
            for turn in np.linspace(0.12, 0.95, 46) * np.pi / 2:
                x = side * half_width * np.sin(turn)
                y = -585 + 29 * number + 34 * (1 - np.cos(turn)) + 6 * np.sin(2 * turn)
                paint_ellipse(image, _GRID, (x, y), (5.5, 5), value, softness_mm=4)


def _paint_spine(image: Image, value: float) -> None:
    """Paint the vertebrae, wider and farther apart downwards, and the sacrum."""
    y, height = -700.0, 15.0
    for number in range(24):
        width = 15 + 0.55 * number
        paint_ellipse(image, _GRID, (0, y), (width, height / 2), value, power=3)
        height = 15 + 0.75 * number
        y += height + 1.5
    paint_ellipse(image, _GRID, (0, -108), (34, 52), value * 0.85)


def _describe_acquisition(ds: Dataset) -> None:
    """Write what the NM IOD asks for beside the pixels (PS3.3 C.8.4)."""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]
    ds.BodyPartExamined = "WHOLEBODY"
    ds.NumberOfFrames = len(VIEWS)
    ds.FrameIncrementPointer = [0x00540010, 0x00540020]
    ds.EnergyWindowVector, ds.NumberOfEnergyWindows = [1, 1], 1
    ds.DetectorVector, ds.NumberOfDetectors = [1, 2], 2
    ds.PixelSpacing = [SPACING_MM, SPACING_MM]
    ds.PatientOrientation = ""
    ds.PatientOrientationCodeSequence = Sequence([part10.code("102538003", "SCT", "recumbent")])
    ds.PatientGantryRelationshipCodeSequence = Sequence(
        [part10.code("102540001", "SCT", "headfirst")]
    )
    ds.WholeBodyTechnique = "1PS"
    ds.ScanVelocity, ds.ScanLength = "", ""
    ds.CountsAccumulated = ""
    ds.ActualFrameDuration = 900_000
    window = Dataset()
    window.EnergyWindowLowerLimit, window.EnergyWindowUpperLimit = 126, 154
    energy = Dataset()
    energy.EnergyWindowName = "Tc99m"
    energy.EnergyWindowRangeSequence = Sequence([window])
    ds.EnergyWindowInformationSequence = Sequence([energy])
    ds.RadiopharmaceuticalInformationSequence = Sequence()
    ds.DetectorInformationSequence = Sequence([_detector(view) for view in VIEWS])


def _detector(view: str) -> Dataset:
    detector = Dataset()
    detector.CollimatorType = "PARA"
    detector.ImageOrientationPatient = detector.ImagePositionPatient = None
    meaning = "antero-posterior" if view == "ANTERIOR" else "postero-anterior"
    value = "399067008" if view == "ANTERIOR" else "399348003"
    detector.ViewCodeSequence = Sequence([part10.code(value, "SCT", meaning)])
    return detector
