"""DICOM files made for a test: small, valid, and different where a test needs them to differ."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SIDE_PIXELS = 32


def ct_slice(study: str, series: str, number: int = 1, **attributes: object) -> Dataset:
    """Return a CT slice: a bright square whose place depends on the slice's number."""
    dataset = Dataset()
    dataset.preamble = bytes(128)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    dataset.Modality = "CT"
    dataset.PatientName = "Phantom^Chest^Anna"
    dataset.PatientID = "P-1"
    dataset.PatientBirthDate = "19700101"
    dataset.AccessionNumber = "A-1"
    dataset.ReferringPhysicianName = "Ref^Erring"
    dataset.StudyDate = "20260102"
    dataset.StudyTime = "101112"
    dataset.StudyDescription = "CHEST"
    dataset.SeriesNumber = 4
    dataset.InstanceNumber = number
    dataset.ImagePositionPatient = [0.0, 0.0, float(number)]
    dataset.Rows = dataset.Columns = SIDE_PIXELS
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    pixels = np.full((SIDE_PIXELS, SIDE_PIXELS), 24, "<u2")
    pixels[number % 16 : number % 16 + 8, 8:24] = 1424
    dataset.PixelData = pixels.tobytes()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def ct_series(count: int, **attributes: object) -> list[Dataset]:
    """Return the slices of one new series of a new study."""
    study, series = generate_uid(), generate_uid()
    return [ct_slice(study, series, number, **attributes) for number in range(1, count + 1)]


def encoded(dataset: Dataset) -> bytes:
    """Return a dataset as a DICOM file."""
    output = io.BytesIO()
    pydicom.dcmwrite(output, dataset, enforce_file_format=True)
    return output.getvalue()


def forced(dataset: Dataset) -> bytes:
    """Return a dataset as a file in a transfer syntax that pydicom may not know."""
    output = io.BytesIO()
    options = {"implicit_vr": False, "little_endian": True, "force_encoding": True}
    pydicom.dcmwrite(output, dataset, **options)
    return output.getvalue()


def shipped(name: str) -> bytes:
    """Return one of the test files inside the pydicom wheel."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return Path(path).read_bytes()


def multipart(files: Sequence[bytes], boundary: str = "part-boundary") -> tuple[bytes, str]:
    """Return a STOW-RS body and its Content-Type."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + file + b"\r\n" for file in files) + f"--{boundary}--\r\n".encode()
    return body, f'multipart/related; type="application/dicom"; boundary={boundary}'
