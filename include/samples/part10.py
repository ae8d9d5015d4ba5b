"""DICOM Part 10 files (PS3.10) with deterministic bytes, and the modules all sample IODs share."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian

from samples.identity import Identity, uid

STUDY_DATE = "20260105"
STUDY_TIME = "081500"


def encode(ds: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Return ``ds`` as a Part 10 file with a file meta group of its own.

    Its pixels must be in ``transfer_syntax`` already.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = UID(uid("implementation"))
    meta.ImplementationVersionName = "WETREAD_SAMPLES"
    ds.file_meta = meta
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def identify(ds: Dataset, identity: Identity) -> None:
    """Write the identity over whatever the dataset says."""
    ds.PatientName = identity.patient_name
    ds.PatientID = identity.patient_id
    ds.PatientBirthDate = identity.birth_date
    ds.PatientSex = identity.sex
    ds.AccessionNumber = identity.accession_number
    ds.ReferringPhysicianName = identity.referring_physician_name


def image(
    identity: Identity,
    *,
    study: str,
    series: int,
    instance: int,
    modality: str,
    sop_class: str,
    study_description: str,
    series_description: str,
) -> Dataset:
    """Return the Patient, Study, Series, Equipment and SOP Common modules of one image."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = uid(study, series, instance)
    identify(ds, identity)
    ds.StudyInstanceUID = uid(study)
    ds.StudyID = "1"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = STUDY_DATE
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = STUDY_TIME
    ds.StudyDescription = study_description
    ds.SeriesInstanceUID = uid(study, series)
    ds.SeriesNumber = series
    ds.SeriesDescription = series_description
    ds.Modality = modality
    ds.InstanceNumber = instance
    ds.AcquisitionNumber = series
    ds.Manufacturer = "Sample Works"
    ds.ManufacturerModelName = "Phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = "1"
    return ds


def set_plane(
    ds: Dataset, frame_of_reference: str, position_mm: tuple[float, float, float], spacing_mm: float
) -> None:
    """Write the Frame of Reference and Image Plane modules of an axial image, patient supine."""
    ds.FrameOfReferenceUID = frame_of_reference
    ds.PositionReferenceIndicator = ""
    ds.PatientPosition = "HFS"
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [round(value, 4) for value in position_mm]
    ds.PixelSpacing = [spacing_mm, spacing_mm]


def set_pixels(ds: Dataset, pixels: np.ndarray, bits_stored: int) -> None:
    """Write the Image Pixel module of an unsigned grayscale image, (rows, columns)."""
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated = 16
    ds.BitsStored = bits_stored
    ds.HighBit = bits_stored - 1
    ds.PixelRepresentation = 0
    ds.PixelData = np.clip(pixels, 0, 2**bits_stored - 1).astype("<u2").tobytes()


def set_jpeg_frames(ds: Dataset, frames: Sequence[np.ndarray]) -> None:
    """Write the Image Pixel module of RGB frames, (rows, columns, 3), as baseline JPEG.

    The data set is to be encoded in JPEG Baseline.
    """
    ds.SamplesPerPixel = 3
    ds.PhotometricInterpretation = "YBR_FULL_422"
    ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = frames[0].shape[:2]
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0
    ds.NumberOfFrames = len(frames)
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionMethod = "ISO_10918_1"
    files = [_jpeg(frame) for frame in frames]
    ds.LossyImageCompressionRatio = round(sum(f.nbytes for f in frames) / sum(map(len, files)), 1)
    ds.PixelData = encapsulate(files)
    ds["PixelData"].VR = "OB"


def _jpeg(frame: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=85, subsampling="4:2:2")
    return buffer.getvalue()


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return the item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
