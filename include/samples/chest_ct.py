"""CT Image Storage (PS3.3 A.3) of the chest phantom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom.uid import CTImageStorage

from samples import part10
from samples.identity import IDENTITIES, uid
from samples.shapes import Grid
from samples.study import SampleFile
from samples.thorax import Nodule, slice_hu

RESCALE_INTERCEPT_HU = -1024
FIELD_OF_VIEW_MM = 360.0
LUNG_WINDOW_HU = (-600, 1500)
MEDIASTINUM_WINDOW_HU = (50, 400)


def grid(size: int) -> Grid:
    """Return the pixel grid of an image of ``size`` rows and columns."""
    return Grid(size, FIELD_OF_VIEW_MM / size)


def build(
    study: str, *, size: int, slices: int, spacing_mm: float, nodule: Nodule | None
) -> Iterator[SampleFile]:
    """Make one axial series from the diaphragm upwards, instance 1 lowest."""
    for index in range(slices):
        z_mm = index * spacing_mm
        hu = slice_hu(grid(size), z_mm, nodule, seed=20260105)
        content = _encode(study, index + 1, z_mm, spacing_mm, hu)
        yield SampleFile(f"IM{index + 1:04d}.dcm", content)


def _encode(study: str, instance: int, z_mm: float, thickness_mm: float, hu: np.ndarray) -> bytes:
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=1,
        instance=instance,
        modality="CT",
        sop_class=CTImageStorage,
        study_description="CT chest without contrast (phantom)",
        series_description="Axial lung",
    )
    pixel_grid = grid(hu.shape[0])
    corner_mm = float(pixel_grid.axis_mm()[0])
    part10.set_plane(ds, uid(study, "frame"), (corner_mm, corner_mm, z_mm), pixel_grid.spacing_mm)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined = "CHEST"
    ds.SliceThickness = thickness_mm
    ds.SliceLocation = z_mm
    ds.KVP = 120
    ds.ConvolutionKernel = "LUNG"
    ds.RescaleIntercept = RESCALE_INTERCEPT_HU
    ds.RescaleSlope = 1
    ds.RescaleType = "HU"
    ds.WindowCenter = [LUNG_WINDOW_HU[0], MEDIASTINUM_WINDOW_HU[0]]
    ds.WindowWidth = [LUNG_WINDOW_HU[1], MEDIASTINUM_WINDOW_HU[1]]
    ds.WindowCenterWidthExplanation = ["LUNG", "MEDIASTINUM"]
    part10.set_pixels(ds, np.rint(hu - RESCALE_INTERCEPT_HU), bits_stored=16)
    return part10.encode(ds)
