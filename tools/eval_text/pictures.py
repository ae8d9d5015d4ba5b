"""Real images of many modalities from installed packages, as the pictures that Vision would see."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import data_store
import pydicom
from tools.eval_text.lettering import Shades

from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame

_LIMIT_BYTES = 64 * 2**20
_FOLDERS = (
    Path(pydicom.__file__).parent / "data/test_files",
    Path(data_store.__file__).parent / "data",
)
_Crop = tuple[int, int, int, int]

_FILES: Mapping[str, tuple[str, ...]] = {
    "CT": ("693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm", "bad_sequence.dcm", "explicit_VR-UN.dcm"),
    "MR": ("examples_overlay.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm", "MR2_UNCI.dcm"),
    "CR": ("RG1_UNCI.dcm", "RG3_UNCI.dcm"),
    "NM": ("JPEG2000.dcm",),
    "US": (
        "examples_jpeg2k.dcm",
        "examples_palette.dcm",
        "examples_rgb_color.dcm",
        "examples_ybr_color.dcm",
        "JPGLosslessP14SV1_1s_1f_8b.dcm",
        "OBXXXX1A.dcm",
        "gdcm-US-ALOKA-16.dcm",
        "color3d_jpeg_baseline.dcm",
        "color-px.dcm",
    ),
    "OT": ("image_dfl.dcm", "mlut_18.dcm", "vlut_04.dcm", "GDCMJ2K_TextGBR.dcm"),
}
_WITHOUT_TEXT: Mapping[str, _Crop | None] = {
    "RG3_UNCI.dcm": (0, 0, 1760, 1300),
    "examples_jpeg2k.dcm": (80, 160, 560, 320),
    "examples_ybr_color.dcm": (75, 20, 240, 170),
    "JPGLosslessP14SV1_1s_1f_8b.dcm": (290, 180, 680, 590),
    "OBXXXX1A.dcm": (160, 80, 760, 280),
    "gdcm-US-ALOKA-16.dcm": (130, 60, 520, 380),
    "color3d_jpeg_baseline.dcm": (150, 40, 480, 340),
    "examples_palette.dcm": None,
    "examples_rgb_color.dcm": None,
    "mlut_18.dcm": None,
    "vlut_04.dcm": None,
    "GDCMJ2K_TextGBR.dcm": None,
}
"""Left, top, right and bottom of the part without text of its own; None: there is none."""


@dataclass(frozen=True)
class RealPicture:
    """A frame; ``without_text`` is its largest part that shows no text of its own, if any."""

    modality: str
    name: str
    pixels: Shades
    has_text: bool = False

    @property
    def without_text(self) -> Shades | None:
        crop = _WITHOUT_TEXT.get(self.name, (0, 0, *self.pixels.shape[1::-1]))
        if crop is None or self.has_text:
            return None
        left, top, right, bottom = crop
        return self.pixels[top:bottom, left:right]


MODALITIES = tuple(_FILES)


def real_pictures(modality: str) -> Iterator[RealPicture]:
    """Yield the first picture of each of the modality's images."""
    for name in _FILES[modality]:
        path = next(path for folder in _FOLDERS if (path := folder / name).exists())
        with warnings.catch_warnings(action="ignore"):
            dataset = read_instance(path.read_bytes())
            frame = render_frame(dataset, limit_bytes=_LIMIT_BYTES)
        yield RealPicture(modality, name, frame.pixels)
