"""Digital X-Ray Image Storage - For Presentation (PS3.3 A.26) of a chest seen from the front.

The image is what a detector behind the phantom would show: path lengths through tissue and bone
along the beam, added up, so that ribs cross, the heart covers the spine and the lungs are dark.
Coordinates are mm on the detector: x to the patient's left, y downwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import DigitalXRayImageStorageForPresentation

from samples import part10
from samples.identity import IDENTITIES, uid
from samples.lungs import LUNGS, Lung, Pneumothorax, tissue_in_lungs_mm
from samples.shapes import Grid, Image, paint_ellipse
from samples.study import SampleFile

SIZE = 2048
BITS_STORED = 12
_GRID = Grid(SIZE, 0.17)
_TISSUE_PER_MM, _BONE_PER_MM = 0.0125, 0.024
"""Attenuation at about 110 kV, scatter included; bone counts in addition to tissue."""


def build(study: str, pneumothorax: Pneumothorax | None = None) -> Iterator[SampleFile]:
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
    _describe_exposure(ds, study)
    pixels = _presentation(_tissue_mm(pneumothorax), _bone_mm())
    _burn_in_side_marker(pixels)
    part10.set_pixels(ds, np.rint(pixels), BITS_STORED)
    yield SampleFile("CHEST_PA.dcm", part10.encode(ds))


def centre_of(pneumothorax: Pneumothorax) -> tuple[float, float]:
    """Return the middle of the box around the pneumothorax, in fractions of the image."""
    coarse = Grid(256, SIZE * _GRID.spacing_mm / 256)
    axis = coarse.axis_mm()
    rows, columns = np.nonzero(pneumothorax.space(axis[None, :], axis[:, None]))
    x, y = ((where.min() + where.max() + 1) / 2 / coarse.size for where in (columns, rows))
    return float(x), float(y)


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


def _tissue_mm(pneumothorax: Pneumothorax | None) -> Image:
    """Return the path through soft tissue: the trunk less the lungs, plus what fills them."""
    axis = _GRID.axis_mm()
    x, y = axis[None, :], axis[:, None]
    shoulder = np.clip((-105 - y) / 60, 0, 1) ** 1.5
    half_width = 158 + 45 * shoulder
    trunk = 205 * np.clip(1 - np.abs(x / half_width) ** 2.6, 0, 1) ** (1 / 2.6)
    trunk *= 1 - 0.25 * np.clip((-60 - y) / 110, 0, 1)
    lungs = sum(lung.depth_mm(x, y) for lung in LUNGS)
    heart = 96 * np.sqrt(np.clip(1 - _rotated(x, y, (24, 46), (66, 50), 0.55), 0, 1))
    mediastinum = 74 * np.clip(1 - np.abs(x / (27 + np.clip(y, 0, 99) * 0.1)) ** 3, 0, 1)
    knob = 40 * np.sqrt(np.clip(1 - _rotated(x, y, (20, -52), (21, 20), 0), 0, 1))
    filled = np.maximum(np.maximum(heart, mediastinum), knob)
    airway = 15 * np.clip(1 - (x / 8) ** 2, 0, 1) * np.clip((-38 - y) / 12, 0, 1)
    lungs_hold = tissue_in_lungs_mm(x, y, pneumothorax) + _vessels_mm(pneumothorax)
    return (trunk - lungs + np.minimum(filled + lungs_hold, lungs + 14) - airway).astype(np.float32)


def _rotated(
    x: Image, y: Image, centre: tuple[float, float], radii: tuple[float, float], angle: float
) -> Image:
    """Return the squared elliptical distance from ``centre``; 1 on the ellipse."""
    dx, dy = x - centre[0], y - centre[1]
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = dy * np.cos(angle) - dx * np.sin(angle)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2


def _vessels_mm(pneumothorax: Pneumothorax | None) -> Image:
    """Return the path through the vessels that fan out of both hila, and fork on their way."""
    total = np.zeros((SIZE, SIZE), np.float32)
    rng = np.random.default_rng(11)
    for lung in LUNGS:
        for angle in np.linspace(-1.25, 1.3, 9):
            trunk = _course(rng, lung, lung.hilum_mm, angle + rng.normal(0, 0.08), 15)
            courses = [(trunk, np.linspace(4.6, 1.1, len(trunk)))]
            for fork in (3, 5, 7, 9):
                heading = angle + rng.choice([-1, 1]) * rng.uniform(0.4, 0.8)
                branch = _course(rng, lung, trunk[fork], heading, 13 - fork)
                courses.append((branch, np.linspace(3.4 - 0.2 * fork, 0.8, len(branch))))
            collapsed = pneumothorax is not None and lung == pneumothorax.lung
            for course, radii in courses:
                points = pneumothorax.collapsed_mm(course) if collapsed else course
                np.maximum(total, 1.5 * _chord_mm(points, radii), out=total)
    return total


def _course(
    rng: np.random.Generator, lung: Lung, start: Sequence[float], heading: float, steps: int
) -> np.ndarray:
    """Return a vessel's winding course, as far as it stays inside the lung."""
    points = [np.array(start)]
    for _ in range(steps):
        heading += rng.normal(0, 0.09)
        step = 6.5 * np.array([lung.side * np.cos(heading), np.sin(heading)])
        points.append(points[-1] + step)
    course = np.array(points)
    inside = lung.outline(course[:, 0], course[:, 1]) < 0.93
    return course[: max(2, int(np.argmin(np.append(inside[2:], False))) + 2)]


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


def _describe_exposure(ds: Dataset, study: str) -> None:
    """Write what the DX IOD asks for beside the pixels (PS3.3 C.8.11)."""
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.BodyPartExamined = "CHEST"
    ds.PositionerType = ""
    ds.ViewPosition = "PA"
    ds.ImageLaterality = "U"
    ds.PatientOrientation = ["L", "F"]
    ds.AnatomicRegionSequence = DicomSequence([part10.code("51185008", "SCT", "Chest")])
    view = part10.code("399348003", "SCT", "postero-anterior")
    view.ViewModifierCodeSequence = DicomSequence()
    ds.ViewCodeSequence = DicomSequence([view])
    ds.AcquisitionContextSequence = DicomSequence()
    ds.KVP = 110
    ds.DetectorType = "DIRECT"
    ds.ImagerPixelSpacing = [_GRID.spacing_mm, _GRID.spacing_mm]
    ds.FrameOfReferenceUID = uid(study, "frame")
    ds.PositionReferenceIndicator = ""
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.LossyImageCompression = "00"
    ds.BurnedInAnnotation = "NO"
    ds.WindowCenter = 2**BITS_STORED / 2
    ds.WindowWidth = 2**BITS_STORED
