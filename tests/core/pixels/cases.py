"""Synthetic images, and the real ones that come with pydicom."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

LIMIT_BYTES = 64 * 2**20
WHEEL = Path(pydicom.__file__).parent / "data"


def wheel_files() -> Iterator[tuple[str, bytes]]:
    """Every DICOM-like file of the installed pydicom, by its path in the wheel."""
    for path in sorted(WHEEL.rglob("*")):
        if path.is_file() and path.suffix not in {".py", ".pyc", ".json", ".md", ".txt"}:
            yield path.relative_to(WHEEL).as_posix(), path.read_bytes()


def wheel_file(name: str) -> bytes:
    return (WHEEL / "test_files" / name).read_bytes()


def image(stored: np.ndarray[Any, Any], **attributes: Any) -> Dataset:
    """Return an image of the given stored values; ``attributes`` are set over its header."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    dataset.SamplesPerPixel = 3 if stored.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if stored.ndim == 3 else "MONOCHROME2"
    if stored.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
    dataset.PixelRepresentation = int(np.issubdtype(stored.dtype, np.signedinteger))
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    return dataset


def file_of(dataset: Dataset) -> bytes:
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True, little_endian=True, implicit_vr=False)
    return stream.getvalue()
