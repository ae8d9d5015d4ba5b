"""A CT slice, what was found on it, and the key image of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pydicom import Dataset
from tests.core.pixels.cases import file_of, image

from wetread.core.dicom.key_image import build_key_image
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisSource,
    Candidate,
    CandidateKind,
    ImageReference,
    Region,
)
from wetread.core.pixels.reading import read_instance

REFERENCE = ImageReference("1.2.3.2", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", 7)
NODULE = Candidate(CandidateKind.ANOMALY, "nodule", 0.9312, REFERENCE, Region(0.5, 0.4, 0.1, 0.2))
DEVICE = Candidate(CandidateKind.OBJECT, "device", 0.61, REFERENCE)
CANDIDATES = (NODULE, DEVICE)

ANALYSIS = AnalysisFindings(
    row_id="s01",
    analysis_id="vision",
    series_instance_uid="1.2.3.2",
    modality="CT",
    source=AnalysisSource("cloud-vision", "v1", "d" * 64),
    created_at="2026-01-02T23:04:05Z",
    candidates=CANDIDATES,
)
PIXELS = np.tile(np.arange(256, dtype=np.uint8), (256, 1))


def source(**attributes: Any) -> Dataset:
    header = {
        "PatientName": "Sample^Patient",
        "PatientID": "P1",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "StudyDate": "20260102",
        "StudyTime": "170000",
        "StudyID": "S1",
        "AccessionNumber": "A1",
        "ReferringPhysicianName": "",
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        **attributes,
    }
    return image(PIXELS, **{k: v for k, v in header.items() if v is not None})


def key_image(of: Dataset | None = None, **changes: Any) -> bytes:
    analysis = replace(ANALYSIS, **changes)
    stored = read_instance(file_of(of or source()))
    return build_key_image(stored, PIXELS, analysis.candidates, analysis)


if __name__ == "__main__":
    import hashlib

    print(hashlib.sha256(key_image()).hexdigest())
