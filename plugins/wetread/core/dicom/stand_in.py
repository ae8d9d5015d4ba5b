"""What highdicom is given instead of a stored image: where it lies, and nothing about the patient.

highdicom judges the values of its sources. It refuses an object for a patient's sex that DICOM does
not define, and logs a patient's name that it dislikes. Patient and study are copied as they stand
once the object is made (``sealing.py``).
"""

from __future__ import annotations

import math

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import SecondaryCaptureImageStorage
from pydicom.valuerep import format_number_as_ds

from wetread.core.discretion import keep_values_out_of_logs
from wetread.core.errors import problem
from wetread.core.pixels.attributes import functional_group

_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
_WITHHELD = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
"""highdicom reads these without asking whether they are there."""

_PLANE = (
    ("PlanePositionSequence", "ImagePositionPatient", 3),
    ("PlaneOrientationSequence", "ImageOrientationPatient", 6),
    ("PixelMeasuresSequence", "PixelSpacing", 2),
)

_COSINE_TOLERANCE = 0.01
"""How far direction cosines may be from a right angle and unit length: rounded, not wrong."""

keep_values_out_of_logs()


def stand_in(header: Dataset) -> Dataset:
    """Return the first frame of an image as a single-frame image without identity or pixels.

    The stand-in says that it is a Secondary Capture, which may have a plane and needs none: of an
    enhanced image highdicom wants functional groups, of a CT image a frame of reference, and it
    refuses retired and private classes. ``restore_references`` puts the class right.

    Raises
    ------
    PermanentError
        ``result-invalid``: the header lacks a UID.
    """
    source = Dataset()
    for keyword in _UIDS:
        value = str(header.get(keyword) or "")
        if not value:
            raise problem("result-invalid", f"An image that a result refers to has no {keyword}.")
        setattr(source, keyword, value)
    source.SOPClassUID = SecondaryCaptureImageStorage
    for keyword in _WITHHELD:
        setattr(source, keyword, "")
    source.Modality = str(header.get("Modality") or "OT")
    source.Rows, source.Columns = image_size(header)
    return source


def placed_stand_in(header: Dataset) -> Dataset:
    """Return the same with the plane of the first frame, if the header says where that lies."""
    source = stand_in(header)
    if plane := _plane(header):
        source.update(plane)
    return source


def image_size(header: Dataset) -> tuple[int, int]:
    """Return rows and columns; 0 where the header does not say."""
    rows, columns = (header.get(keyword) for keyword in ("Rows", "Columns"))
    return (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else (0, 0)


def is_multi_frame(header: Dataset) -> bool:
    """Tell whether a reference to a frame of this image needs the frame's number."""
    try:
        return int(header.get("NumberOfFrames") or 1) > 1
    except (TypeError, ValueError):
        return False


def numbers(dataset: Dataset, keyword: str, count: int) -> list[float] | None:
    """Return the ``count`` finite numbers of an attribute; None for anything else."""
    try:
        value = dataset.get(keyword)
        found = [float(item) for item in (value if isinstance(value, MultiValue) else [value])]
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def _plane(header: Dataset) -> Dataset | None:
    frame_of_reference = str(header.get("FrameOfReferenceUID") or "")
    plane = Dataset()
    plane.FrameOfReferenceUID = frame_of_reference
    plane.PositionReferenceIndicator = ""
    for macro, keyword, count in _PLANE:
        group = functional_group(header, 1, macro) or header
        values = numbers(group, keyword, count)
        if values is None:
            return None
        setattr(plane, keyword, [format_number_as_ds(value) for value in values])
    if not frame_of_reference or min(plane.PixelSpacing) <= 0 or not _is_plane(plane):
        return None
    measures = functional_group(header, 1, "PixelMeasuresSequence") or header
    thickness = numbers(measures, "SliceThickness", 1)
    # highdicom reads it without asking whether it is there.
    plane.SliceThickness = format_number_as_ds(thickness[0]) if thickness else None
    return plane


def _is_plane(plane: Dataset) -> bool:
    """Tell whether the orientation's cosines are two perpendicular unit vectors."""
    cosines = [float(value) for value in plane.ImageOrientationPatient]
    row, column = cosines[:3], cosines[3:]
    across = sum(a * b for a, b in zip(row, column, strict=True))
    errors = (math.hypot(*row) - 1, math.hypot(*column) - 1, across)
    return max(map(abs, errors)) < _COSINE_TOLERANCE
