"""One object of each kind, as the builders make them, to be broken one thing at a time."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, VLWholeSlideMicroscopyImageStorage
from tests.core.pixels.cases import image

from wetread.core.dicom.names import ResultKind
from wetread.core.dicom.results import build_results
from wetread.core.findings import (
    Absence,
    AnalysisFindings,
    AnalysisSource,
    Finding,
    ImageReference,
    InstanceOutcome,
    Mask,
    Measurement,
    Region,
)

STUDY, SERIES, FRAME_OF_REFERENCE = "1.2.3.1", "1.2.3.2", "1.2.3.9"
SIDE = 32
PIXELS = np.zeros((SIDE, SIDE), np.uint8)
MODEL = AnalysisSource("phantom-nodule", "1", "d" * 64, "4711", "sha256:" + "c0" * 32)
PATIENT = {
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "PatientName": "Wetherby^Quentin",
    "PatientID": "P1",
    "PatientBirthDate": "19700101",
    "PatientSex": "F",
    "StudyDate": "20260102",
    "StudyTime": "170000",
    "StudyID": "S1",
    "AccessionNumber": "A1",
    "ReferringPhysicianName": "",
    "FrameOfReferenceUID": FRAME_OF_REFERENCE,
}


def ct_slice(number: int, **attributes: Any) -> Dataset:
    header = {
        **PATIENT,
        "SOPInstanceUID": f"{SERIES}.{number}",
        "Modality": "CT",
        "BodyPartExamined": "CHEST",
        "ImagePositionPatient": [0, 0, 2 * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1, 1],
        "SliceThickness": 2,
        "InstanceNumber": number,
    }
    return image(PIXELS, **header, **attributes)


def slide() -> Dataset:
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 1, 1
    header = {
        **PATIENT,
        "SOPClassUID": VLWholeSlideMicroscopyImageStorage,
        "SOPInstanceUID": f"{SERIES}.1",
        "Modality": "SM",
        "TotalPixelMatrixOriginSequence": [origin],
        "TotalPixelMatrixRows": SIDE,
        "TotalPixelMatrixColumns": SIDE,
        "ImageOrientationSlide": [0, 1, 0, 1, 0, 0],
        "PixelSpacing": [0.001, 0.001],
        "DimensionOrganizationType": "TILED_FULL",
        "ContainerIdentifier": "C1",
        "NumberOfFrames": 1,
    }
    return image(PIXELS, **header)


def _on(number: int, sop_class: str) -> ImageReference:
    return ImageReference(SERIES, f"{SERIES}.{number}", sop_class, number)


def nodule(number: int, sop_class: str = CTImageStorage, *, mask: bool = True) -> Finding:
    bits = np.packbits(np.ones((2, 3, 3), bool)).tobytes()
    covered = (f"{SERIES}.{number}", f"{SERIES}.{number + 1}")
    return Finding(
        code="pulmonary-nodule",
        score=0.91,
        threshold=0.5,
        image=_on(number, sop_class),
        region=Region(0.25, 0.25, 0.125, 0.125),
        measurements=(Measurement("diameter", 8.1, "mm"),),
        mask=Mask(covered, 8, 8, 3, 3, base64.b64encode(bits).decode()) if mask else None,
    )


def analysis(*findings: Finding, modality: str = "CT") -> AnalysisFindings:
    return AnalysisFindings(
        row_id="s01",
        analysis_id="phantom-nodule",
        series_instance_uid=SERIES,
        modality=modality,
        source=MODEL,
        created_at="2026-01-02T23:04:05Z",
        is_specialised=True,
        findings=findings,
        absences=(Absence("pneumothorax", 0.12, 0.5),),
        outcomes=tuple(InstanceOutcome(f"{SERIES}.{n}", SERIES, "analysed") for n in (1, 2, 3)),
        images=3,
    )


@cache
def objects() -> dict[str, bytes]:
    """Return a file of each kind, by kind."""
    slices = {f"{SERIES}.{number}": ct_slice(number) for number in (1, 2, 3)}
    of_ct = build_results(analysis(nodule(1), nodule(2)), slices, PIXELS)
    on_slide = nodule(1, VLWholeSlideMicroscopyImageStorage, mask=False)
    two = (on_slide, replace(on_slide, region=Region(0.5, 0.5, 0.25, 0.25)))
    of_slide = build_results(
        analysis(*two, modality="SM"), {f"{SERIES}.1": slide()}, np.zeros((SIDE, SIDE), np.uint8)
    )
    found = {result.name.kind: result.blob for result in of_ct}
    annotations = {
        f"{kind}-of-slide": blob
        for kind, blob in ((result.name.kind, result.blob) for result in of_slide)
    }
    return {**found, **annotations}


KINDS = (
    *(kind for kind in ResultKind if kind != ResultKind.ANNOTATIONS),
    f"{ResultKind.STRUCTURED_REPORT}-of-slide",
    f"{ResultKind.ANNOTATIONS}-of-slide",
)


def read(kind: str) -> Dataset:
    return dcmread(BytesIO(objects()[kind]))


def written(dataset: Dataset) -> bytes:
    stream = BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()
