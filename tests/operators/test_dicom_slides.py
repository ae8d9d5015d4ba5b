"""What is marked on a slide stands in its objects in millimetres on the glass."""

from __future__ import annotations

import io

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    MicroscopyBulkSimpleAnnotationsStorage,
)
from tests.operators.pipeline import Pipeline

from samples import catalog
from samples.biopsy_sm import SIZE, TILE
from samples.slide import ORIGIN_MM
from wetread.core.dicom.ownership import is_own_result
from wetread.core.findings import (
    AnalysisFindings,
    AnalysisSource,
    Candidate,
    CandidateKind,
    ImageReference,
    InstanceOutcome,
    Region,
)

FRAME, REGION = 12, Region(0.25, 0.25, 0.5, 0.5)
"""The fourth tile of the second row; in its middle, half as wide as it is."""

SPACING_MM = 0.0005
ROW, COLUMN = 1.5 * TILE, 3.5 * TILE
CENTRE_MM = (ORIGIN_MM[0] - (ROW - 0.5) * SPACING_MM, ORIGIN_MM[1] - (COLUMN - 0.5) * SPACING_MM)
"""Rows and columns of the phantom run back towards the slide's corner, from a pixel's centre."""

SIDE_MM = TILE / 2 * SPACING_MM


@pytest.fixture(scope="module")
def slide(shared_pipeline: Pipeline) -> dict[str, Dataset]:
    """Return the objects, by SOP class, of a slide on which a model saw something."""
    (sample,) = (one for one in catalog() if one.name == "sm-biopsy")
    shared_pipeline.upload(sample.folder, sample.files())
    (run_id,) = shared_pipeline.intake()
    shared_pipeline.seal(run_id)
    levels = [pydicom.dcmread(io.BytesIO(file.content)) for file in sample.files()]
    (finest,) = (one for one in levels if one.get("TotalPixelMatrixRows") == SIZE)
    shared_pipeline.records(run_id).record(found_on(finest))

    results = shared_pipeline.run(run_id)

    counts = results["write_dicom_results"]
    assert (counts["structured_reports"], counts["bulk_annotations"]) == (1, 1)
    dicomweb, uid = shared_pipeline.installation.dicomweb, finest.StudyInstanceUID
    objects = {}
    for item in dicomweb.study_metadata(uid, "it"):
        if is_own_result(item):
            names = (item[tag]["Value"][0] for tag in ("0020000E", "00080018"))
            stored = pydicom.dcmread(io.BytesIO(dicomweb.retrieve_instance(uid, *names, "it")))
            objects[str(stored.SOPClassUID)] = stored
    return objects


def found_on(level: Dataset) -> AnalysisFindings:
    uid, series = level.SOPInstanceUID, level.SeriesInstanceUID
    image = ImageReference(series, uid, level.SOPClassUID, level.InstanceNumber, FRAME)
    return AnalysisFindings(
        row_id="s01",
        analysis_id="vision",
        series_instance_uid=series,
        modality="SM",
        source=AnalysisSource("cloud-vision", "v1", "d" * 64),
        created_at="2026-01-02T03:04:05+00:00",
        candidates=(Candidate(CandidateKind.ANOMALY, "dark spot", 0.75, image, REGION),),
        outcomes=(InstanceOutcome(uid, series, "analysed"),),
        images=16,
        vision_units=32,
    )


def assert_is_the_region(corners: np.ndarray) -> None:
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert (low + high)[:2] / 2 == pytest.approx(CENTRE_MM, abs=SPACING_MM / 2)
    assert (high - low)[:2] == pytest.approx([SIDE_MM, SIDE_MM], abs=SPACING_MM)


def test_the_report_says_where_on_the_slide(slide: dict[str, Dataset]) -> None:
    report = hd.sr.Comprehensive3DSR.from_dataset(slide[Comprehensive3DSRStorage])
    (group,) = report.content.get_planar_roi_measurement_groups()
    assert isinstance(group.roi, hd.sr.ImageRegion3D)
    assert_is_the_region(np.asarray(group.roi.value))


def test_the_bulk_annotations_draw_the_same_place(slide: dict[str, Dataset]) -> None:
    stored = slide[MicroscopyBulkSimpleAnnotationsStorage]
    annotations = hd.ann.MicroscopyBulkSimpleAnnotations.from_dataset(stored)
    (group,) = annotations.get_annotation_groups()
    assert group.label == "dark spot"
    (corners,) = group.get_graphic_data(annotations.AnnotationCoordinateType)
    assert_is_the_region(corners)


def test_the_key_object_is_the_tile(slide: dict[str, Dataset]) -> None:
    (item,) = (
        item
        for item in slide[KeyObjectSelectionDocumentStorage].ContentSequence
        if item.ValueType == "IMAGE"
    )
    assert int(item.ReferencedSOPSequence[0].ReferencedFrameNumber) == FRAME


def test_no_object_of_a_slide_starts_anything(
    shared_pipeline: Pipeline, slide: dict[str, Dataset]
) -> None:
    assert MicroscopyBulkSimpleAnnotationsStorage in slide
    assert shared_pipeline.intake() == []
