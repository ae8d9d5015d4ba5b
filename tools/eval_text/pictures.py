"""Real images of many modalities from installed packages, as the pictures that Vision would see."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
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
_FILES = {
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


@dataclass(frozen=True)
class RealPicture:
    modality: str
    name: str
    pixels: Shades


def real_pictures() -> Iterator[RealPicture]:
    for modality, names in _FILES.items():
        for name in names:
            path = next(p for folder in _FOLDERS if (p := folder / name).exists())
            with warnings.catch_warnings(action="ignore"):
                dataset = read_instance(path.read_bytes())
                frame = render_frame(dataset, limit_bytes=_LIMIT_BYTES)
            yield RealPicture(modality, name, frame.pixels)
