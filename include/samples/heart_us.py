"""Ultrasound Multi-frame Image Storage (PS3.3 A.7) of a beating heart phantom, four chambers.

Echoes are scattered where tissue is: a field of point scatterers, seen by a beam that is narrow
along itself and wide across, gives the speckle; the logarithm of its strength is the picture. The
machine's screen around the sector shows the patient's name, as machines do.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from samples import part10
from samples.identity import IDENTITIES, Identity
from samples.shapes import Image
from samples.study import SampleFile
from samples.textures import blurred

ROWS, COLUMNS = 480, 640
FRAMES, FRAME_TIME_MS = 24, 40.0
REGION = (70, 56, 570, 456)
"""Left, top, right and bottom pixel of the sector."""
_DEPTH_CM, _HALF_ANGLE = 16.0, np.radians(39)
_LINES, _SAMPLES = 192, 512
_APEX = (320, 60)
_CM_PER_PIXEL = _DEPTH_CM / 392
_DYNAMIC_RANGE_DB = 58


def build(study: str) -> Iterator[SampleFile]:
    """Make one loop of a single heartbeat."""
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=1,
        instance=1,
        modality="US",
        sop_class=UltrasoundMultiFrameImageStorage,
        study_description="Transthoracic echocardiogram (phantom)",
        series_description="Apical four chamber",
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY", "TTE", "0001"]
    ds.BodyPartExamined = "HEART"
    ds.PatientOrientation = ""
    ds.FrameTime = FRAME_TIME_MS
    ds.FrameIncrementPointer = 0x00181063
    ds.BurnedInAnnotation = "YES"
    ds.SequenceOfUltrasoundRegions = Sequence([_region()])
    part10.set_jpeg_frames(ds, list(_frames(IDENTITIES[study])))
    yield SampleFile("A4C.dcm", part10.encode(ds, JPEGBaseline8Bit))


def _region() -> Dataset:
    """Describe the sector: a two-dimensional image of tissue, in centimetres (PS3.3 C.8.5.5)."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = REGION[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = REGION[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = round(_CM_PER_PIXEL, 5)
    return item


def _frames(identity: Identity) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(20260105)
    scatterers = [
        blurred(rng.standard_normal((_SAMPLES, _LINES), np.float32), (1.1, 1.5)) for _ in range(4)
    ]
    screen = _screen(identity)
    for number in range(FRAMES):
        phase = 2 * np.pi * number / FRAMES
        # Two patterns that fade into each other: the speckle of moving tissue.
        real, imaginary = (
            np.cos(phase) * scatterers[i] + np.sin(phase) * scatterers[i + 1] for i in (0, 2)
        )
        strength = np.hypot(real, imaginary) * _reflectivity((1 - np.cos(phase)) / 2)
        decibels = 20 * np.log10(np.maximum(strength, 1e-6) / 0.55)
        shade = np.clip(1 + decibels / _DYNAMIC_RANGE_DB, 0, 1) * 255
        frame = screen.copy()
        inside, polar = _scan_conversion()
        frame[inside] = _sampled(shade, *polar)[inside][:, None]
        yield frame


def _reflectivity(systole: float) -> Image:
    """Return how strongly each sample of each line reflects; 0 is end diastole, 1 end systole."""
    depth = (np.arange(_SAMPLES, dtype=np.float32) / _SAMPLES * _DEPTH_CM)[:, None]
    angle = np.linspace(-_HALF_ANGLE, _HALF_ANGLE, _LINES, dtype=np.float32)[None, :]
    x, y = depth * np.sin(angle), depth * np.cos(angle)
    pump = 1 - 0.2 * systole
    valve_y = 8.7 - 1.0 * systole

    def body(centre: tuple[float, float], radii: tuple[float, float], turn: float) -> Image:
        dx, dy = x - centre[0], y - centre[1]
        along, across = dx * np.sin(turn) + dy * np.cos(turn), dx * np.cos(turn) - dy * np.sin(turn)
        return np.hypot(across / radii[0], along / radii[1])

    # Ventricles and atria meet where the valves are; there is no wall between them.
    above, below = 1 + (y - valve_y - 0.2) * 0.7, 1 + (valve_y - 0.2 - y) * 0.7
    left = np.maximum(body((1.35, 6.1), (2.15 * pump, 4.1 * pump), 0.1), above)
    right = np.maximum(body((-1.75, 6.7), (1.4 * pump, 3.4 * pump), -0.16), above)
    left_atrium = np.maximum(body((1.75, 10.5), (1.85, 2.8 + 0.3 * systole), 0.05), below)
    right_atrium = np.maximum(body((-2.15, 10.3), (1.7, 2.7 + 0.3 * systole), -0.05), below)
    heart = body((-0.1, 8.1), (4.7, 6.4), 0)
    lung = 0.13 * np.exp(-depth / 7)
    texture = 1 + 0.25 * np.sin(2.4 * heart * 6 + 3 * angle)
    field = np.where(heart < 1, 0.13 * texture, lung)
    field = field + 0.6 * np.exp(-(((heart - 1.02) / 0.045) ** 2)) * np.clip((y - 3) / 4, 0.15, 1)
    chambers = np.minimum.reduce([left, right, left_atrium, right_atrium])
    septum = 1 + (0.3 + 0.15 * systole - np.abs(x + 0.28)) * 1.5
    blood = np.maximum(chambers, septum)
    share_of_blood = 1 / (1 + np.exp((blood - 1) / 0.025))
    field = field * (1 - share_of_blood) + 0.005 * share_of_blood
    field = field + 0.1 * np.exp(-(((blood - 1.03) / 0.05) ** 2))
    opening = 0.75 * (1 - systole)
    for hinges in ((-0.35, 3.35), (-3.2, -0.6)):
        centre = sum(hinges) / 2
        for hinge in hinges:
            share = np.clip((x - hinge) / (centre - hinge), 0, 1)
            sheet = valve_y - 1.5 * opening * share - 0.35 * (1 - opening) * share
            within = (share > 0) & (share < 1 - 0.5 * opening)
            field = field + 0.5 * np.exp(-(((y - sheet) / 0.11) ** 2)) * within
    near = 0.22 * np.exp(-(((depth - 0.4) / 0.5) ** 2))
    beam = 0.75 + 0.25 * np.cos(angle / _HALF_ANGLE * 1.3)
    return ((field + near) * beam * (1 - 0.02 * depth)).astype(np.float32)


def _scan_conversion() -> tuple[np.ndarray, tuple[Image, Image]]:
    """Return what of the screen is sector, and the sample and line that each pixel shows."""
    x = (np.arange(COLUMNS)[None, :] - _APEX[0]) * _CM_PER_PIXEL
    y = (np.arange(ROWS)[:, None] - _APEX[1]) * _CM_PER_PIXEL
    depth, angle = np.hypot(x, y), np.arctan2(x, y)
    inside = (depth < _DEPTH_CM * 0.998) & (np.abs(angle) < _HALF_ANGLE) & (depth > 0.15)
    sample = depth / _DEPTH_CM * _SAMPLES
    line = (angle / _HALF_ANGLE + 1) / 2 * (_LINES - 1)
    return inside, (np.clip(sample, 0, _SAMPLES - 1.001), np.clip(line, 0, _LINES - 1.001))


def _sampled(polar: Image, sample: Image, line: Image) -> Image:
    row, column = sample.astype(int), line.astype(int)
    down, across = sample - row, line - column
    top = polar[row, column] * (1 - across) + polar[row, column + 1] * across
    bottom = polar[row + 1, column] * (1 - across) + polar[row + 1, column + 1] * across
    return np.rint(top * (1 - down) + bottom * down)


def _screen(identity: Identity) -> np.ndarray:
    """Return the machine's screen without an echo: names, a scale of shades and one of depth."""
    screen = Picture.new("RGB", (COLUMNS, ROWS))
    draw = ImageDraw.Draw(screen)
    font = ImageFont.load_default(15)
    draw.text((8, 6), f"{identity.patient_name}  {identity.patient_id}", (230, 230, 210), font)
    draw.text((8, 26), f"DOB {identity.birth_date}   Sample Works", (170, 190, 210), font)
    draw.text((470, 6), "TTE  S5-1  25 Hz", (170, 190, 210), font)
    draw.text((470, 26), "MI 1.1  TIS 0.7", (170, 190, 210), font)
    for step in range(128):
        shade = 255 - 2 * step
        draw.line((608, 90 + step, 618, 90 + step), (shade, shade, shade))
    for depth in range(0, int(_DEPTH_CM) + 1):
        y = _APEX[1] + depth / _CM_PER_PIXEL
        draw.line((578 if depth % 5 else 572, y, 586, y), (120, 120, 120))
    return np.array(screen)
