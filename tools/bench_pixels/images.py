"""Images as large and as noisy as those of hospitals, in raw and compressed form.

HTJ2K is not among them: none of the installed libraries writes it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gdcm
import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
)

_SYNTAXES: Mapping[str, str] = {
    "raw": ExplicitVRLittleEndian,
    "RLE": RLELossless,
    "JPEG lossless": JPEGLosslessSV1,
    "JPEG-LS": JPEGLSLossless,
    "JPEG 2000": JPEG2000Lossless,
}


@dataclass(frozen=True)
class BenchImage:
    """One file; ``frames`` is how many pictures it gives."""

    name: str
    syntax: str
    blob: bytes
    frames: int = 1


def images(only: str = "") -> Iterator[BenchImage]:
    """Yield each image, whose name begins with ``only``, in each syntax."""
    random = np.random.default_rng(7)
    for name, dataset in (
        ("CT 512 x 512", ct(random)),
        ("CR 2500 x 2000", _radiograph(random, 2500, 2000, ComputedRadiographyImageStorage)),
        (
            "MG 4096 x 3328",
            _radiograph(random, 4096, 3328, DigitalMammographyXRayImageStorageForPresentation),
        ),
        ("US cine 640 x 480, 16 frames", _cine(random)),
    ):
        dataset.Modality = name[:2]
        if not name.startswith(only):
            continue
        for syntax, uid in _SYNTAXES.items():
            frames = int(dataset.get("NumberOfFrames", 1))
            yield BenchImage(name, syntax, _file(dataset, uid), frames)


def ct(random: np.random.Generator) -> Dataset:
    """A body of soft tissue, lungs and bone in air, with the noise of a standard dose."""
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    values = np.full((512, 512), -1000.0)
    values[(x / 0.85) ** 2 + (y / 0.62) ** 2 < 1] = 45
    for side in (-0.38, 0.38):
        values[((x - side) / 0.27) ** 2 + (y / 0.42) ** 2 < 1] = -850
    values[(x / 0.1) ** 2 + ((y - 0.42) / 0.12) ** 2 < 1] = 450
    values += random.normal(0, 12, values.shape)
    dataset = _grey(CTImageStorage, values.astype(np.int16), bits_stored=16)
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    return dataset


def _radiograph(random: np.random.Generator, rows: int, columns: int, uid: str) -> Dataset:
    """Slow slopes over the whole depth, with the noise of the detector."""
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    values = 2048 + 1200 * np.sin(5 * y + 2 * x) * np.cos(7 * x) + random.normal(0, 18, y.shape)
    dataset = _grey(uid, np.clip(values, 0, 4095).astype(np.uint16), bits_stored=12)
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    return dataset


def _cine(random: np.random.Generator) -> Dataset:
    """A sector of speckle on black, in colour."""
    y, x = np.mgrid[0:1:480j, -1:1:640j]
    sector = (np.hypot(x, y) < 0.95) & (np.abs(x) < y * 0.8)
    frames = np.zeros((16, 480, 640, 3), np.uint8)
    for frame in frames:
        frame[sector] = random.rayleigh(40, (int(sector.sum()), 1)).clip(0, 255)
    dataset = _image(UltrasoundMultiFrameImageStorage, frames, 3, "RGB")
    dataset.PlanarConfiguration, dataset.NumberOfFrames = 0, len(frames)
    return dataset


def _grey(uid: str, stored: np.ndarray[Any, Any], bits_stored: int) -> Dataset:
    dataset = _image(uid, stored, 1, "MONOCHROME2")
    dataset.BitsStored, dataset.HighBit = bits_stored, bits_stored - 1
    return dataset


def _image(uid: str, stored: np.ndarray[Any, Any], samples: int, photometric: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = uid
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = samples, photometric
    shape = stored.shape[-3:-1] if samples > 1 else stored.shape
    dataset.Rows, dataset.Columns = shape
    dataset.BitsAllocated = dataset.BitsStored = stored.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    return dataset


def _file(dataset: Dataset, syntax: str) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    if syntax == JPEGLosslessSV1:
        return _compressed_by_gdcm(buffer.getvalue())
    if syntax != ExplicitVRLittleEndian:
        copy = pydicom.dcmread(io.BytesIO(buffer.getvalue()))
        copy.compress(syntax, generate_instance_uid=False)
        buffer = io.BytesIO()
        copy.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _compressed_by_gdcm(blob: bytes) -> bytes:
    """Compress to JPEG lossless, which pydicom does not."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "image.dcm"
        path.write_bytes(blob)
        reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(str(path))
        reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.Write()
        return path.read_bytes()
