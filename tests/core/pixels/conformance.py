"""Every image that comes with pydicom and pydicom-data: what it gives, and who agrees.

``python -m tests.core.pixels.conformance`` writes ``conformance.md`` again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import data_store
import highdicom
import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import UID
from tests.core.pixels.cases import LIMIT_BYTES
from tests.core.pixels.formulas import expected_picture, padding_of

from wetread.core.pixels.decoding import decode_frame
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import RenderedFrame, render_frame

WHEELS = {
    "pydicom": Path(pydicom.__file__).parent / "data",
    "pydicom-data": Path(data_store.__file__).parent / "data",
    "highdicom": Path(highdicom.__file__).parent,
}
PAGE = Path(__file__).with_suffix(".md")
NO_IMAGE = frozenset({"not-dicom", "no-pixel-data"})
_CODE = frozenset({".py", ".pyc", ".pyi", ".json", ".md", ".txt"})
HIGHDICOM, FORMULAS = "highdicom", "formulas"
ALLOWED = {HIGHDICOM: 0.5, FORMULAS: 1.0}
"""How far a shade may be from each judge's, of 255."""
_ROUNDING = 1e-6
_BYTE = 255
_HEADINGS = ("file", "modality", "transfer syntax", "frames", "outcome", "judge", "difference")
_INTRODUCTION = """\
# Images of pydicom, pydicom-data and highdicom, and what Wetread makes of them

Every file with pixel data in the wheels that the tests install; highdicom's holds none. The
difference is the largest over all pixels of all frames, of 255 shades. An image is judged by
highdicom (0.5 allowed) where that renders it by the standard, else by the formulas of the standard
in `formulas.py` (1.0 allowed); the formulas look at every image. `conformance.py` writes this page.

"""


@dataclass(frozen=True)
class Row:
    """One image; ``difference`` is the largest of all its frames and pixels, of 255."""

    file: str
    modality: str
    syntax: str
    frames: int
    outcome: str
    judge: str = ""
    difference: float = 0.0

    @property
    def cells(self) -> tuple[str, ...]:
        verdict = (self.judge, f"{self.difference:.2f}") if self.judge else ("", "")
        frames = str(self.frames or "")
        return (self.file, self.modality, self.syntax, frames, self.outcome, *verdict)


def rows() -> Iterator[Row]:
    """Look at every file of the wheels; those without an image are left out."""
    for wheel, root in WHEELS.items():
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix not in _CODE:
                row = _row(f"{wheel}/{path.relative_to(root).as_posix()}", path.read_bytes())
                if row.outcome not in NO_IMAGE:
                    yield row


def _row(name: str, blob: bytes) -> Row:
    try:
        dataset = read_instance(blob)
    except PixelError as error:
        return Row(name, "", "", 0, error.reason)
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", ""))).name
    modality = str(dataset.get("Modality", ""))
    count = str(dataset.get("NumberOfFrames") or 1)
    frames = int(count) if count.isdecimal() else 1
    judges, differences = [], []
    try:
        for number in range(1, frames + 1):
            ours = render_frame(dataset, number, limit_bytes=LIMIT_BYTES)
            judge, difference = _judged(dataset, number, ours)
            judges.append(judge)
            differences.append(difference)
    except PixelError as error:
        return Row(name, modality, syntax, frames, error.reason)
    # The formulas judge an image as a whole where highdicom does not judge every frame of it.
    judge = max(judges, key=list(ALLOWED).index)
    return Row(name, modality, syntax, frames, "analysed", judge, max(differences))


def _judged(dataset: Dataset, number: int, ours: RenderedFrame) -> tuple[str, float]:
    pixels = ours.pixels.astype(float)
    formulas = np.abs(pixels - expected_picture(dataset, number)).max()
    if formulas > ALLOWED[FORMULAS] + _ROUNDING:
        return FORMULAS, float(formulas)
    theirs = _highdicom_picture(dataset, number, ours)
    if theirs is None:
        return FORMULAS, float(formulas)
    difference = np.abs(pixels - theirs)
    if ours.window is not None:
        stored = decode_frame(dataset, number, limit_bytes=LIMIT_BYTES)
        # highdicom shows padding like any other value.
        difference[padding_of(dataset, stored)] = 0
    return HIGHDICOM, float(difference.max())


def _highdicom_picture(
    dataset: Dataset, number: int, ours: RenderedFrame
) -> np.ndarray[Any, Any] | None:
    """Return highdicom's picture; None for what it does not render, or not by the standard."""
    window = ours.window
    if _is_beyond_highdicom(dataset, ours):
        return None
    options: dict[str, Any] = {"apply_icc_profile": False}
    if window is not None:
        options = {"apply_voi_transform": True, "apply_real_world_transform": False}
        options["voi_output_range"] = (0, _BYTE)
    if window is not None and window.source == "derived":
        # LINEAR_EXACT, said as LINEAR.
        said = highdicom.VOILUTTransformation(window.center + 0.5, window.width + 1)
        options["voi_transform_selector"] = said
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = highdicom.Image.from_dataset(dataset)
        except (AttributeError, KeyError, ValueError):  # big endian, a retired class, a poor header
            return None
        picture: np.ndarray[Any, Any] = image.get_frame(number, **options)
    is_palette = dataset.PhotometricInterpretation == "PALETTE COLOR"
    bits = 16 if is_palette and picture.max() > _BYTE else int(dataset.BitsStored)
    return picture if window else picture / (2.0**bits - 1) * _BYTE


def _is_beyond_highdicom(dataset: Dataset, ours: RenderedFrame) -> bool:
    slope, window = float(dataset.get("RescaleSlope") or 1), ours.window
    return (
        # It takes the half and the one of LINEAR in stored values instead of rescaled ones.
        (window is not None and window.source == "header" and slope != 1)
        # It looks negative values up as if they had no sign.
        or ("ModalityLUTSequence" in dataset and dataset.PixelRepresentation == 1)
        or "SegmentedRedPaletteColorLookupTableData" in dataset
    )


def page(found: list[Row]) -> str:
    """Return the listing as a table in Markdown."""
    table = [_HEADINGS, tuple("---" for _ in _HEADINGS), *(row.cells for row in found)]
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    return f"{_INTRODUCTION}{lines}\n"


if __name__ == "__main__":
    PAGE.write_text(page(list(rows())), encoding="utf-8")
