"""A CT series of any length: one noisy body, moved a little from slice to slice."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from tools.bench_pixels.images import ct

STUDY = "2.25.20260101.1"
_SERIES = "2.25.20260101.2"
_INSTANCE = "2.25.20260101.3"
_FRAME_OF_REFERENCE = "2.25.20260101.4"
_STEP_PX = 3
"""How far the body moves from slice to slice, so that no two pictures are equal."""


def files(count: int) -> Iterator[bytes]:
    """Yield the file of each slice, uncompressed, made when it is asked for."""
    dataset = ct(np.random.default_rng(7))
    pixels = np.frombuffer(dataset.PixelData, np.int16).reshape(dataset.Rows, dataset.Columns)
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientID, dataset.PatientName = "BENCH", "Bench^Series"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, _SERIES
    dataset.FrameOfReferenceUID, dataset.SeriesNumber = _FRAME_OF_REFERENCE, 1
    dataset.StudyDate, dataset.StudyTime = "20260101", "120000"
    dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.7, 0.7]
    dataset.SliceThickness, dataset.BodyPartExamined = 0.7, "CHEST"
    for number in range(1, count + 1):
        dataset.SOPInstanceUID = f"{_INSTANCE}.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.InstanceNumber = number
        dataset.ImagePositionPatient = [-180, -180, round(0.7 * number, 1)]
        dataset.PixelData = np.roll(pixels, number * _STEP_PX, axis=0).tobytes()
        stream = io.BytesIO()
        dataset.save_as(stream, enforce_file_format=True)
        yield stream.getvalue()
