"""MR Image Storage (PS3.3 A.4) of a head phantom: one T1- and one T2-weighted series.

The slices lie above the orbits. Signal is a number per tissue and weighting, on which a receive
coil's slow fall-off and noise are laid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.uid import MRImageStorage

from samples import part10
from samples.identity import IDENTITIES, uid
from samples.shapes import Grid, Image, paint_ellipse
from samples.study import SampleFile

SLICES, SPACING_MM = 12, 5.0
_GRID = Grid(256, 230 / 256)


@dataclass(frozen=True)
class Weighting:
    """A pulse sequence, and the signal it gives of each tissue."""

    name: str
    repetition_ms: float
    echo_ms: float
    fat: float
    bone: float
    fluid: float
    grey: float
    white: float


WEIGHTINGS = (
    Weighting("T1", 500, 12, fat=950, bone=60, fluid=170, grey=430, white=560),
    Weighting("T2", 4000, 95, fat=560, bone=50, fluid=900, grey=470, white=350),
)


def build(study: str) -> Iterator[SampleFile]:
    """Make both series, twelve slices each, in the same frame of reference."""
    for series, weighting in enumerate(WEIGHTINGS, start=1):
        for index in range(SLICES):
            yield SampleFile(
                f"{weighting.name}/{index + 1:03d}.dcm", _encode(study, series, index, weighting)
            )


def _signal(index: int, weighting: Weighting) -> Image:
    z_mm = index * SPACING_MM
    shrink = float(np.sqrt(1 - (z_mm / 88) ** 2))
    image = np.full((_GRID.size, _GRID.size), 8, np.float32)
    for width, length, value in (
        (76, 96, weighting.fat),
        (71, 91, weighting.bone),
        (65, 85, weighting.fluid),
        (62.5, 82.5, weighting.grey),
    ):
        paint_ellipse(image, _GRID, (0, 0), (width * shrink, length * shrink), value, power=2.2)
    _paint_white_matter(image, weighting, shrink)
    _paint_ventricles(image, weighting, z_mm)
    paint_ellipse(image, _GRID, (0, 0), (0.9, 80 * shrink), weighting.fluid, power=6)
    axis = _GRID.axis_mm()
    coil = 1 - 0.12 * ((axis[None, :] - 20) / 115) ** 2 - 0.1 * ((axis[:, None] + 15) / 115) ** 2
    rng = np.random.default_rng([31, index, int(weighting.echo_ms)])
    noise = rng.standard_normal((2, _GRID.size, _GRID.size), np.float32) * 14
    return np.hypot(image * coil.astype(np.float32) + noise[0], noise[1])


def _paint_white_matter(image: Image, weighting: Weighting, shrink: float) -> None:
    """Paint the white matter with a folded border: the grey matter outside of it is the cortex."""
    axis = _GRID.axis_mm()
    x, y = axis[None, :], axis[:, None]
    angle = np.arctan2(y, np.abs(x))
    folds = 1 + 0.055 * np.sin(17 * angle) + 0.035 * np.sin(31 * angle + 1)
    for side in (-1, 1):
        radius = np.hypot((x - side * 28 * shrink) / (26 * shrink), y / (72 * shrink))
        coverage = np.clip((folds - radius) * 26 * shrink / 1.5 + 0.5, 0, 1)
        image += coverage * (weighting.white - image)


def _paint_ventricles(image: Image, weighting: Weighting, z_mm: float) -> None:
    """Paint the lateral ventricles: long curved horns, thinning out towards the vertex."""
    width_mm = 6.5 * (1 - z_mm / 38)
    for side in (-1, 1):
        for step in np.linspace(-1, 1, 60):
            centre = (side * (6.5 + 9 * step**2), 2 + 31 * step)
            radius_mm = width_mm * (0.55 + 0.45 * abs(step))
            paint_ellipse(image, _GRID, centre, (radius_mm, radius_mm), weighting.fluid)


def _encode(study: str, series: int, index: int, weighting: Weighting) -> bytes:
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=series,
        instance=index + 1,
        modality="MR",
        sop_class=MRImageStorage,
        study_description="MR head (phantom)",
        series_description=f"Axial {weighting.name}",
    )
    corner_mm = float(_GRID.axis_mm()[0])
    part10.set_plane(
        ds, uid(study, "frame"), (corner_mm, corner_mm, index * SPACING_MM), _GRID.spacing_mm
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.BodyPartExamined = "HEAD"
    ds.ScanningSequence = "SE"
    ds.SequenceVariant = "NONE"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = "2D"
    ds.RepetitionTime = weighting.repetition_ms
    ds.EchoTime = weighting.echo_ms
    ds.EchoTrainLength = 1
    ds.MagneticFieldStrength = 1.5
    ds.FlipAngle = 90
    ds.SliceThickness = SPACING_MM
    ds.SpacingBetweenSlices = SPACING_MM
    ds.WindowCenter = 500
    ds.WindowWidth = 1000
    part10.set_pixels(ds, np.rint(_signal(index, weighting)), bits_stored=12)
    return part10.encode(ds)
