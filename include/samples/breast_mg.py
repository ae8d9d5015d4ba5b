"""Digital Mammography X-Ray Image Storage (PS3.3 A.27) of a breast phantom, both sides from above.

Each side comes as a manufacturer sends it: for presentation, and for one side the detector's data
for processing as well. Around the breast is air that the machine has padded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
)

from samples import part10
from samples.identity import IDENTITIES
from samples.shapes import Image
from samples.study import SampleFile
from samples.textures import blurred, power_law

ROWS, COLUMNS, SPACING_MM = 1024, 768, 0.24
BITS_STORED = 12
PADDING = 0
_WHITE = 2**BITS_STORED - 1


def build(study: str) -> Iterator[SampleFile]:
    """Make both craniocaudal views, and the right one once more for processing."""
    for instance, side in enumerate("RL", start=1):
        density, inside = _breast(seed=70 + instance)
        shown = np.where(inside, np.clip(0.1 + density, 0.02, 1) * _WHITE, PADDING)
        if side == "R":  # the chest wall is at the right of the right breast
            shown = shown[:, ::-1]
        content = _encode(study, instance, side, shown, is_for_presentation=True)
        yield SampleFile(f"{side}_CC.dcm", content)
    raw = np.where(inside, np.exp(-2.2 * density) * _WHITE, _WHITE)
    yield SampleFile("L_CC_RAW.dcm", _encode(study, 3, "L", raw, is_for_presentation=False))


def _breast(seed: int) -> tuple[Image, np.ndarray]:
    """Return density in shares of the brightest, and what is breast; the chest wall is at x = 0."""
    x = (np.arange(COLUMNS, dtype=np.float32) * SPACING_MM)[None, :]
    y = ((np.arange(ROWS, dtype=np.float32) - ROWS / 2) * SPACING_MM)[:, None]
    reach = np.abs(y / 98) ** 2.3 + (x / 112) ** 2.1
    nipple = ((x - 111) / 5) ** 2 + (y / 4.5) ** 2
    inside = (reach < 1) | (nipple < 1)
    depth_mm = (1 - np.clip(reach, 0, 1)) * 50
    thickness = 1 - np.exp(-np.maximum(depth_mm, 0.4) / 5)
    gland = np.exp(-(((x - 60) / 34) ** 2) - ((y + 6) / 46) ** 2)
    lobules = power_law((ROWS, COLUMNS), 1.35, seed) - 0.75 + 1.5 * gland
    parenchyma = 1 / (1 + np.exp(-2.2 * lobules))
    density = thickness * (0.1 + 0.3 * gland * parenchyma + 0.13 * parenchyma)
    for number, width in enumerate((0.05, 0.035, 0.02)):
        ridges = np.abs(power_law((ROWS, COLUMNS), 1.7 - 0.2 * number, seed + 100 + number))
        fibres = blurred(np.exp(-((ridges / width) ** 2)), (1.2, 1.2))
        density += 0.13 * thickness * fibres * (0.4 + 0.6 * gland)
    skin = np.exp(-(((depth_mm - 0.8) / 1.1) ** 2)) * (reach < 1)
    density += 0.1 * skin + 0.22 * np.clip(1 - nipple, 0, 1)
    noise = np.random.default_rng(seed).standard_normal((ROWS, COLUMNS), np.float32)
    return blurred(density, (0.7, 0.7)) + 0.008 * noise, inside


def _encode(
    study: str, instance: int, side: str, pixels: Image, *, is_for_presentation: bool
) -> bytes:
    storage = (
        DigitalMammographyXRayImageStorageForPresentation
        if is_for_presentation
        else DigitalMammographyXRayImageStorageForProcessing
    )
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=1 if is_for_presentation else 2,
        instance=instance,
        modality="MG",
        sop_class=storage,
        study_description="Screening mammography (phantom)",
        series_description="CC" if is_for_presentation else "CC, for processing",
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PresentationIntentType = "FOR PRESENTATION" if is_for_presentation else "FOR PROCESSING"
    _describe_view(ds, side)
    if is_for_presentation:
        ds.WindowCenter, ds.WindowWidth = round(_WHITE * 0.42, 1), round(_WHITE * 0.72, 1)
        ds.PixelPaddingValue = PADDING
    part10.set_pixels(ds, np.rint(pixels), BITS_STORED)
    return part10.encode(ds)


def _describe_view(ds: Dataset, side: str) -> None:
    """Write what the MG IOD asks for beside the pixels (PS3.3 C.8.11.7)."""
    ds.BodyPartExamined = "BREAST"
    ds.ImageLaterality = side
    ds.ViewPosition = "CC"
    ds.PatientOrientation = ["P" if side == "R" else "A", "L" if side == "R" else "R"]
    ds.AnatomicRegionSequence = Sequence([part10.code("76752008", "SCT", "Breast")])
    view = part10.code("399162004", "SCT", "cranio-caudal")
    view.ViewModifierCodeSequence = Sequence()
    ds.ViewCodeSequence = Sequence([view])
    ds.AcquisitionContextSequence = Sequence()
    ds.PositionerType = "MAMMOGRAPHIC"
    ds.OrganExposed = "BREAST"
    ds.DetectorType = "DIRECT"
    ds.KVP = 29
    ds.AnodeTargetMaterial = "TUNGSTEN"
    ds.BodyPartThickness = 55
    ds.CompressionForce = 110
    ds.ImagerPixelSpacing = [SPACING_MM, SPACING_MM]
    ds.PresentationLUTShape = "IDENTITY"
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.LossyImageCompression = "00"
    ds.BurnedInAnnotation = "NO"
    ds.PartialView = "NO"
