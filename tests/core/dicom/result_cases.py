"""Headers of images as a store describes them, and whatever a model may find on them."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    UltrasoundMultiFrameImageStorage,
    VLWholeSlideMicroscopyImageStorage,
)

from wetread.core.dicom.results import ResultObject, build_results
from wetread.core.findings import (
    Absence,
    AnalysisFindings,
    AnalysisSource,
    Candidate,
    CandidateKind,
    Finding,
    ImageReference,
    InstanceOutcome,
    Mask,
    Measurement,
    Region,
)

STUDY, SERIES = "1.2.3.1", "1.2.3.2"
ROWS, COLUMNS = 24, 32
PIXELS = np.full((ROWS, COLUMNS), 90, np.uint8)
MODEL = AnalysisSource("phantom-nodule", "1.4.2", "d" * 64, weights_digest="sha256:" + "e" * 64)


def from_store(dataset: Dataset) -> Dataset:
    """Return a header as it comes out of the DICOM JSON model: text without its encoding."""
    whole = dataset.to_json_dict(bulk_data_threshold=64, bulk_data_element_handler=lambda _: "x")
    metadata = {
        tag: e for tag, e in json.loads(json.dumps(whole)).items() if "BulkDataURI" not in e
    }
    return Dataset.from_json(metadata, bulk_data_uri_handler=lambda _: b"")


def header(number: int, modality: str, sop_class: str, **attributes: Any) -> Dataset:
    values = {
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "SOPInstanceUID": f"{SERIES}.{number}",
        "SOPClassUID": sop_class,
        "Modality": modality,
        "PatientName": "Wetherby^Quentin",
        "PatientID": "P1",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "StudyDate": "20260102",
        "StudyTime": "170000",
        "StudyID": "S1",
        "AccessionNumber": "A1",
        "ReferringPhysicianName": "",
        "BodyPartExamined": "CHEST",
        "InstanceNumber": number,
        "Rows": ROWS,
        "Columns": COLUMNS,
        **attributes,
    }
    dataset = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def ct_slice(number: int, **attributes: Any) -> Dataset:
    place = {
        "FrameOfReferenceUID": "1.2.3.9",
        "ImagePositionPatient": [-16, -12, 2 * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1, 1],
        "SliceThickness": 2,
    }
    return header(number, "CT", CTImageStorage, **{**place, **attributes})


def cine(number: int) -> Dataset:
    return header(number, "US", UltrasoundMultiFrameImageStorage, NumberOfFrames=5)


def slide(number: int, **attributes: Any) -> Dataset:
    """Return a slide of 3 x 2 tiles, whose pixels are half a micrometre wide."""
    origin, measures, shared = Dataset(), Dataset(), Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 20, 10
    measures.PixelSpacing = [0.0005, 0.0005]
    shared.PixelMeasuresSequence = [measures]
    place = {
        "FrameOfReferenceUID": "1.2.3.9",
        "ContainerIdentifier": "BLOCK-1",
        "DimensionOrganizationType": "TILED_FULL",
        "ImageOrientationSlide": [0, -1, 0, -1, 0, 0],
        "TotalPixelMatrixOriginSequence": [origin],
        "TotalPixelMatrixRows": 2 * ROWS - 5,
        "TotalPixelMatrixColumns": 3 * COLUMNS - 5,
        "NumberOfFrames": 6,
        "SharedFunctionalGroupsSequence": [shared],
    }
    return header(number, "SM", VLWholeSlideMicroscopyImageStorage, **{**place, **attributes})


SOURCES = {"CT": ct_slice, "US": cine, "SM": slide}


def headers(modality: str = "CT", **attributes: Any) -> dict[str, Dataset]:
    """Return the headers of three images of one series."""
    made = [from_store(SOURCES[modality](number, **attributes)) for number in (1, 2, 3)]
    return {str(one.SOPInstanceUID): one for one in made}


def reference(number: int, modality: str = "CT", frame_number: int = 1) -> ImageReference:
    sop_class = str(SOURCES[modality](number).SOPClassUID)
    return ImageReference(SERIES, f"{SERIES}.{number}", sop_class, number, frame_number)


def mask(covered: np.ndarray[Any, Any], row: int, column: int, first: int = 1) -> Mask:
    """Return the mask of ``covered``, shape (images, rows, columns), from image ``first`` on."""
    uids = tuple(f"{SERIES}.{first + index}" for index in range(len(covered)))
    bits = base64.b64encode(np.packbits(covered).tobytes()).decode("ascii")
    return Mask(uids, row, column, *covered.shape[1:], bits)


ANALYSIS = AnalysisFindings(
    row_id="s01",
    analysis_id="nodule",
    series_instance_uid=SERIES,
    modality="CT",
    source=MODEL,
    created_at="2026-01-02T23:04:05Z",
    is_specialised=True,
    findings=(
        Finding(
            "pulmonary-nodule",
            0.91,
            0.5,
            reference(2),
            Region(0.25, 0.25, 0.5, 0.5),
            (0.0, 0.0, 4.0),
            (Measurement("diameter", 8.14, "mm"),),
            mask(np.ones((2, 6, 8), bool), 6, 8),
        ),
    ),
    candidates=(Candidate(CandidateKind.ANOMALY, "opacity", 0.6, reference(3)),),
    absences=(Absence("pneumothorax", 0.2, 0.5),),
    outcomes=(InstanceOutcome(f"{SERIES}.1", SERIES, "analysed"),),
    images=3,
)

SCORES = st.floats(0, 1).map(lambda value: round(value, 4))
REGIONS = st.builds(Region, *[st.floats(-0.5, 1.5)] * 2, *[st.floats(0, 1)] * 2)
MEASUREMENTS = st.builds(Measurement, st.just("diameter"), st.floats(0.001, 1e4), st.just("mm"))
CODES = ("pulmonary-nodule", "pneumothorax", "burned-in-text")


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    shape = [draw(st.integers(1, most)) for most in (3, 9, 9)]
    covered = np.frombuffer(draw(st.binary(min_size=243, max_size=243)), np.uint8) > 127
    row, column = draw(st.integers(0, ROWS + 3)), draw(st.integers(0, COLUMNS + 3))
    return mask(covered[: int(np.prod(shape))].reshape(shape), row, column, 4 - shape[0])


@st.composite
def analyses(draw: st.DrawFn) -> AnalysisFindings:
    """Draw anything that a model may say of three images of one modality."""
    modality = draw(st.sampled_from(sorted(SOURCES)))
    frames = st.just(1) if modality == "CT" else st.integers(1, 5)
    images = st.builds(reference, st.integers(1, 3), st.just(modality), frames)
    regions = st.none() | REGIONS
    findings = st.builds(
        Finding,
        st.sampled_from(CODES),
        SCORES,
        SCORES,
        images,
        regions,
        st.none(),
        st.lists(MEASUREMENTS, max_size=1).map(tuple),
        st.none() | masks(),
    )
    candidates = st.builds(
        Candidate, st.sampled_from(CandidateKind), st.text(max_size=80), SCORES, images, regions
    )
    absences = st.builds(Absence, st.sampled_from(CODES), SCORES, SCORES)
    return replace(
        ANALYSIS,
        modality=modality,
        findings=tuple(draw(st.lists(findings, max_size=3))),
        candidates=tuple(draw(st.lists(candidates, max_size=3))),
        absences=tuple(draw(st.lists(absences, max_size=2, unique_by=lambda a: a.code))),
        supersedes=draw(st.sampled_from(["", "a" * 64])),
    )


def built(
    analysis: AnalysisFindings = ANALYSIS, of: dict[str, Dataset] | None = None
) -> dict[str, ResultObject]:
    """Return the objects of ``analysis`` by their kind, the last where there are several."""
    made = build_results(analysis, of or headers(analysis.modality), PIXELS)
    return {result.name.kind: result for result in made}


if __name__ == "__main__":
    for modality in sys.argv[1:]:
        for result in built(replace(ANALYSIS, modality=modality)).values():
            print(result.name.kind, hashlib.sha256(result.blob).hexdigest())
