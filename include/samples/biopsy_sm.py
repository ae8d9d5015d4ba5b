"""VL Whole Slide Microscopy Image Storage (PS3.3 A.32.8) of a biopsy phantom, stained with H&E.

A pyramid of three levels, each a multi-frame image of tiles, and the photograph of the slide's
label, which names the patient.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFilter, ImageFont
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from samples import part10, slide
from samples.identity import IDENTITIES, Identity
from samples.shapes import Image
from samples.study import SampleFile
from samples.textures import power_law

SIZE, TILE = 2048, 256
LEVELS = 3
_SPACING_MM, _LABEL_SPACING_MM = 0.0005, 0.05
_GLASS = np.array((243, 240, 243), np.float32)
_STROMA, _STROMA_DARK = np.array((232, 176, 203), np.float32), np.array((206, 132, 172), np.float32)
_CYTOPLASM = (196, 142, 188)
_LUMEN = (228, 204, 224)


def build(study: str) -> Iterator[SampleFile]:
    """Make the levels of the pyramid, the finest first, and the label."""
    tissue = Picture.fromarray(_tissue())
    for level in range(LEVELS):
        size = SIZE >> level
        reduced = np.asarray(tissue.resize((size, size), Picture.Resampling.BOX))
        yield SampleFile(f"LEVEL_{level}.dcm", _level(study, level, reduced))
    yield SampleFile("LABEL.dcm", _label(study))


def _tissue() -> np.ndarray:
    """Paint a strip of glandular tissue: stroma, glands cut across, and nuclei."""
    fibres = _enlarged(power_law((SIZE // 2, SIZE // 2), 1.4, seed=5))
    fibres = fibres + 0.5 * _enlarged(power_law((SIZE // 2, SIZE // 2), 0.7, seed=6))
    share = np.clip(0.5 + 0.28 * fibres, 0, 1)[..., None]
    stroma = _STROMA + share * (_STROMA_DARK - _STROMA)
    picture = Picture.fromarray(np.uint8(stroma))
    draw = ImageDraw.Draw(picture)
    rng = np.random.default_rng(20260105)
    glands = _glands(rng)
    _paint_stromal_nuclei(draw, rng)
    for x, y, radius in glands:
        _paint_gland(draw, rng, x, y, radius)
    picture = picture.filter(ImageFilter.GaussianBlur(1.1))
    edge = _strip(_enlarged(power_law((SIZE // 2, SIZE // 2), 1.9, seed=7)))[..., None]
    grain = 2.5 * rng.standard_normal((SIZE, SIZE, 1), np.float32)
    mixed = np.asarray(picture, np.float32) * edge + _GLASS * (1 - edge) + grain
    return np.uint8(np.clip(mixed, 0, 255))


def _enlarged(field: Image) -> Image:
    return np.asarray(Picture.fromarray(field).resize((SIZE, SIZE), Picture.Resampling.BILINEAR))


def _strip(waves: Image) -> Image:
    """Return 1 where there is tissue and 0 on bare glass, with an uneven border."""
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    distance = np.abs(axis[:, None] - 0.25 * axis[None, :]) + 0.07 * waves
    return np.clip((0.72 - distance) * 60, 0, 1)


def _glands(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Place glands that do not touch."""
    placed: list[tuple[float, float, float]] = []
    for _ in range(900):
        x, y, radius = rng.uniform(0, SIZE), rng.uniform(0, SIZE), rng.uniform(70, 150)
        if all(np.hypot(x - a, y - b) > radius + c + 30 for a, b, c in placed):
            placed.append((x, y, radius))
    return placed


def _paint_gland(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, radius: float
) -> None:
    """Paint an epithelium one cell thick round a lumen, with a nucleus at the base of each cell."""
    turns = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    lobes = 1 + 0.1 * np.sin(3 * turns + rng.uniform(0, 6)) + 0.06 * np.sin(5 * turns)
    for scale, colour in ((1.0, _CYTOPLASM), (0.52, _LUMEN)):
        outline = np.stack(
            [
                x + np.cos(turns) * radius * lobes * scale,
                y + np.sin(turns) * radius * lobes * scale,
            ],
            axis=1,
        )
        draw.polygon([(float(a), float(b)) for a, b in outline], fill=colour)
    cells = int(2 * np.pi * radius / 19)
    for turn in np.linspace(0, 2 * np.pi, cells, endpoint=False):
        lobe = float(np.interp(turn, turns, lobes, period=2 * np.pi))
        reach = radius * lobe * rng.uniform(0.74, 0.86)
        base = (x + reach * np.cos(turn), y + reach * np.sin(turn))
        _paint_nucleus(draw, rng, base, turn, (11, 7))


def _paint_stromal_nuclei(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for _ in range(2600):
        x, y = rng.uniform(0, SIZE, 2)
        _paint_nucleus(draw, rng, (x, y), rng.normal(0.4, 0.5), (12, 3.5))


def _paint_nucleus(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    centre: tuple[float, float],
    turn: float,
    radii: tuple[float, float],
) -> None:
    x, y = centre
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    size = rng.uniform(0.8, 1.15)
    along, across = np.cos(angles) * radii[0] * size, np.sin(angles) * radii[1] * size
    outline = np.stack(
        [
            x + along * np.cos(turn) - across * np.sin(turn),
            y + along * np.sin(turn) + across * np.cos(turn),
        ],
        axis=1,
    )
    shade = rng.uniform(-14, 18)
    colour = tuple(int(value + shade) for value in (92, 62, 138))
    draw.polygon([(float(a), float(b)) for a, b in outline], fill=colour)


def _level(study: str, level: int, pixels: np.ndarray) -> bytes:
    size = len(pixels)
    tiles = [
        np.ascontiguousarray(pixels[top : top + TILE, left : left + TILE])
        for top in range(0, size, TILE)
        for left in range(0, size, TILE)
    ]
    origin = "DERIVED" if level else "ORIGINAL"
    kind = [origin, "PRIMARY", "VOLUME", "RESAMPLED" if level else "NONE"]
    ds = _image(study, level + 1, kind, tiles, (size, size), spacing_mm=_SPACING_MM * 2**level)
    return part10.encode(ds, JPEGBaseline8Bit)


def _label(study: str) -> bytes:
    photograph = _photograph(IDENTITIES[study])
    kind = ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]
    ds = _image(
        study, LEVELS + 1, kind, [photograph], photograph.shape[:2], spacing_mm=_LABEL_SPACING_MM
    )
    ds.BurnedInAnnotation = "YES"
    ds.LabelText = ds.BarcodeValue = ""
    return part10.encode(ds, JPEGBaseline8Bit)


def _photograph(identity: Identity) -> np.ndarray:
    label = Picture.new("RGB", (400, 304), (238, 234, 222))
    draw = ImageDraw.Draw(label)
    font = ImageFont.load_default(24)
    for row, line in enumerate((identity.patient_name, identity.patient_id, "H&E  1/1")):
        draw.text((20, 30 + 60 * row), line, (20, 20, 30), font)
    return np.array(label)


def _image(
    study: str,
    instance: int,
    kind: list[str],
    frames: list[np.ndarray],
    matrix: tuple[int, ...],
    *,
    spacing_mm: float,
) -> Dataset:
    """Return one whole slide image (PS3.3 C.8.12.4)."""
    ds = part10.image(
        IDENTITIES[study],
        study=study,
        series=1,
        instance=instance,
        modality="SM",
        sop_class=VLWholeSlideMicroscopyImageStorage,
        study_description="Breast core biopsy (phantom)",
        series_description="H&E",
    )
    ds.ImageType = kind
    slide.describe(ds, study, matrix[0] * spacing_mm, matrix[1] * spacing_mm)
    ds.SpecimenLabelInImage = "YES" if "LABEL" in kind else "NO"
    ds.BurnedInAnnotation = "NO"
    frame_type, measures, shared = Dataset(), Dataset(), Dataset()
    frame_type.FrameType = kind
    measures.PixelSpacing = [spacing_mm] * 2
    measures.SliceThickness = slide.THICKNESS_MM
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.WholeSlideMicroscopyImageFrameTypeSequence = Sequence([frame_type])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns = matrix
    part10.set_jpeg_frames(ds, frames)
    return ds
