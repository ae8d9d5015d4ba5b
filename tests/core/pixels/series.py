"""Metadata of a series in the DICOM JSON model (PS3.18 annex F)."""

from __future__ import annotations

from typing import Any

AXIAL = [1, 0, 0, 0, 1, 0]
CORONAL = [1, 0, 0, 0, 0, -1]

TAGS = {
    "SeriesInstanceUID": "0020000E",
    "SOPInstanceUID": "00080018",
    "SOPClassUID": "00080016",
    "Modality": "00080060",
    "InstanceNumber": "00200013",
    "AcquisitionNumber": "00200012",
    "NumberOfFrames": "00280008",
    "ImagePositionPatient": "00200032",
    "ImageOrientationPatient": "00200037",
    "PlanePositionSequence": "00209113",
    "PlaneOrientationSequence": "00209116",
    "PerFrameFunctionalGroupsSequence": "52009230",
    "SharedFunctionalGroupsSequence": "52009229",
}


def metadata(**attributes: Any) -> dict[str, Any]:
    return {
        TAGS[keyword]: {"vr": "UN", "Value": value if isinstance(value, list) else [value]}
        for keyword, value in attributes.items()
    }


def instance(number: int, **attributes: Any) -> dict[str, Any]:
    uids = {"SeriesInstanceUID": "1.2", "SOPInstanceUID": f"1.2.{number}", "SOPClassUID": "1.5"}
    return metadata(**{**uids, "InstanceNumber": number, **attributes})


def axial(number: int, z_mm: float, **attributes: Any) -> dict[str, Any]:
    geometry = {"ImagePositionPatient": [-100.0, -80.0, z_mm], "ImageOrientationPatient": AXIAL}
    return instance(number, **geometry, **attributes)
