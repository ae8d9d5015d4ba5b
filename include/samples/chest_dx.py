"""Digital X-Ray Image Storage - For Presentation (PS3.3 A.26) of a chest seen from the front.

The image is what a detector behind the phantom would show: path lengths through tissue and bone
along the beam, added up, so that ribs cross, the heart covers the spine and the lungs are dark.
Coordinates are mm on the detector: x to the patient's left, y downwards.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DigitalXRayImageStorageForPresentation

from samples import part10
from samples.identity import IDENTITIES, uid
from samples.shapes import Grid, Image, paint_ellipse
from samples.study import SampleFile

SIZE = 2048
BITS_STORED = 12
_GRID = Grid(SIZE, 0.17)
_TISSUE_PER_MM, _BONE_PER_MM = 0.0125, 0.024
"""Attenuation at about 110 kV, scatter included; bone counts in addition to tissue."""


def build(study: str) -> Iterator[SampleFile]:
    """Make the one image of the study."""
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=1,
        instance=1,
        modality="DX",
        sop_class=DigitalXRayImageStorageForPresentation,
        study_description="Chest PA (phantom)",
        series_description="PA",
    )
    _describe_exposure(ds)
    pixels = _presentation(_tissue_mm(), _bone_mm())
    _burn_in_side_marker(pixels)
    part10.set_pixels(ds, np.rint(pixels), BITS_STORED)
    yield SampleFile("CHEST_PA.dcm", part10.encode(ds))


def _presentation(tissue_mm: Image, bone_mm: Image) -> Image:
    """Return stored values, dense parts bright: the logarithm of the dose, plus quantum noise."""
    attenuation = tissue_mm * _TISSUE_PER_MM + bone_mm * _BONE_PER_MM
    rng = np.random.default_rng(20260105)
    noise = rng.standard_normal(attenuation.shape, np.float32)
    noise = (
        noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))
    ) / 2
    attenuation += noise * 0.012 * np.exp(attenuation / 4)
    return np.clip(attenuation / 3.8, 0, 1) * (2**BITS_STORED - 1)


def _tissue_mm() -> Image:
    """Return the path through soft tissue: the trunk less the lungs, plus what fills them."""
    axis = _GRID.axis_mm()
    x, y = axis[None, :], axis[:, None]
    shoulder = np.clip((-105 - y) / 60, 0, 1) ** 1.5
    half_width = 158 + 45 * shoulder
    trunk = 205 * np.clip(1 - np.abs(x / half_width) ** 2.6, 0, 1) ** (1 / 2.6)
    trunk *= 1 - 0.25 * np.clip((-60 - y) / 110, 0, 1)
    lungs = _lung_mm(x, y, -72.0, 66.0, 84.0) + _lung_mm(x, y, 73.0, 62.0, 94.0)
    heart = 96 * np.sqrt(np.clip(1 - _rotated(x, y, (24, 46), (66, 50), 0.55), 0, 1))
    mediastinum = 74 * np.clip(1 - np.abs(x / (27 + np.clip(y, 0, 99) * 0.1)) ** 3, 0, 1)
    knob = 40 * np.sqrt(np.clip(1 - _rotated(x, y, (20, -52), (21, 20), 0), 0, 1))
    filled = np.maximum(np.maximum(heart, mediastinum), knob)
    airway = 15 * np.clip(1 - (x / 8) ** 2, 0, 1) * np.clip((-38 - y) / 12, 0, 1)
    return (trunk - lungs + np.minimum(filled, lungs + 14) + _vessels_mm() - airway).astype(
        np.float32
    )


def _lung_mm(x: Image, y: Image, centre_x: float, half_width: float, base_y: float) -> Image:
    """Return the path through one lung: round at the apex, cut off by the diaphragm's dome."""
    widening = np.sin(np.clip((y + 132) / 230, 0, 1) * np.pi / 2) ** 0.6
    u = np.abs(
        (x - centre_x * (0.55 + 0.45 * widening)) / (half_width * np.maximum(widening, 0.05))
    )
    depth = 172 * np.clip(1 - u**2.6, 0, 1) ** (1 / 2) * np.clip(widening * 1.5, 0, 1)
    dome_y = base_y + 22 * ((x - centre_x * 0.85) / half_width) ** 2
    return depth * np.clip((dome_y - y) / 9 + 0.5, 0, 1)


def _rotated(
    x: Image, y: Image, centre: tuple[float, float], radii: tuple[float, float], angle: float
) -> Image:
    """Return the squared elliptical distance from ``centre``; 1 on the ellipse."""
    dx, dy = x - centre[0], y - centre[1]
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = dy * np.cos(angle) - dx * np.sin(angle)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2


def _vessels_mm() -> Image:
    """Return the path through the vessels that fan out of both hila."""
    total = np.zeros((SIZE, SIZE), np.float32)
    rng = np.random.default_rng(11)
    for sign in (-1.0, 1.0):
        for angle in np.linspace(-1.25, 1.3, 9):
            start = np.array([sign * 22.0, -8.0])
            heading = angle + rng.normal(0, 0.08)
            points = [start]
            for _ in range(14):
                heading += rng.normal(0, 0.09)
                points.append(
                    points[-1] + 6.0 * np.array([sign * np.cos(heading), np.sin(heading)])
                )
            chord = _chord_mm(np.array(points), np.linspace(4.2, 0.8, len(points)))
            np.maximum(total, chord, out=total)
    return total


def _bone_mm() -> Image:
    """Return the path through bone: ribs, clavicles and the spine."""
    total = np.zeros((SIZE, SIZE), np.float32)
    for sign in (-1.0, 1.0):
        for number in range(10):
            total += 0.9 * _chord_mm(_rib(number, sign), np.full(90, 5.2))
        bend = np.linspace(0, 1, 60)
        clavicle = np.stack(
            [sign * (13 + 112 * bend), -100 - 22 * bend - 7 * np.sin(2 * np.pi * bend)], axis=1
        )
        total += 1.2 * _chord_mm(clavicle, np.full(60, 5.5))
    axis = _GRID.axis_mm()
    discs = 0.78 + 0.22 * np.clip(np.abs(np.mod(axis, 27) - 13.5) - 2.5, 0, 1)
    width = np.clip(1 - (np.abs(axis) / 18) ** 6, 0, 1)
    return total + (26 * discs[:, None] * width[None, :]).astype(np.float32)


def _rib(number: int, sign: float) -> np.ndarray:
    """Return the course of a rib from the spine round the side to the front, as projected."""
    turn = np.linspace(0.015, 0.84, 90) * np.pi
    half_width = 68 + 66 * np.sqrt(number / 9)
    drop = 34 + 5.5 * number
    x = sign * half_width * np.sin(turn) ** 0.8
    y = -122 + 20.5 * number - 9 * np.sin(turn) + drop * (turn / np.pi) ** 1.6
    return np.stack([x, y], axis=1)


def _chord_mm(points: np.ndarray, radii_mm: np.ndarray) -> Image:
    """Return the path through a round tube along ``points``."""
    fine = np.linspace(0, len(points) - 1, len(points) * 4)
    index = np.arange(len(points))
    course = np.stack([np.interp(fine, index, points[:, k]) for k in (0, 1)], axis=1)
    radii = np.interp(fine, index, radii_mm)
    chord = np.zeros((SIZE, SIZE), np.float32)
    for (x, y), radius in zip(course, radii, strict=True):
        rows, columns, xs, ys = _GRID.box(x, y, (radius, radius))
        depth = 2 * np.sqrt(np.clip(radius**2 - (xs - x) ** 2 - (ys - y) ** 2, 0, None))
        np.maximum(chord[rows, columns], depth, out=chord[rows, columns])
    return chord


def _burn_in_side_marker(pixels: Image) -> None:
    """Print the lead letter L at the patient's left shoulder, as a radiographer does."""
    white = float(2**BITS_STORED - 1)
    paint_ellipse(pixels, _GRID, (151, -128), (1.6, 9), white, power=20)
    paint_ellipse(pixels, _GRID, (155.5, -120.5), (6, 1.6), white, power=20)


def _describe_exposure(ds: Dataset) -> None:
    """Write what the DX IOD asks for beside the pixels (PS3.3 C.8.11)."""
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.BodyPartExamined = "CHEST"
    ds.PositionerType = ""
    ds.ViewPosition = "PA"
    ds.ImageLaterality = "U"
    ds.PatientOrientation = ["L", "F"]
    ds.AnatomicRegionSequence = Sequence([part10.code("51185008", "SCT", "Chest")])
    view = part10.code("399348003", "SCT", "postero-anterior")
    view.ViewModifierCodeSequence = Sequence()
    ds.ViewCodeSequence = Sequence([view])
    ds.AcquisitionContextSequence = Sequence()
    ds.KVP = 110
    ds.DetectorType = "DIRECT"
    ds.ImagerPixelSpacing = [_GRID.spacing_mm, _GRID.spacing_mm]
    ds.FrameOfReferenceUID = uid("dx", "frame")
    ds.PositionReferenceIndicator = ""
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.LossyImageCompression = "00"
    ds.BurnedInAnnotation = "NO"
    ds.WindowCenter = 2**BITS_STORED / 2
    ds.WindowWidth = 2**BITS_STORED
