"""What the DICOM store holds of a study's results, as other people's software reads it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from tests.operators.sample_runs import SampleRun, SampleRuns

from samples import SampleStudy, catalog
from samples.catalog import NODULE, PNEUMOTHORAX
from samples.chest_ct import FIELD_OF_VIEW_MM
from samples.chest_dx import centre_of
from wetread.core.dicom.ownership import is_own_result
from wetread.core.dicom.results import result_names
from wetread.core.fhir.study import study_facts
from wetread.core.findings import AnalysisFindings

pytestmark = pytest.mark.xdist_group("samples")

COUNTED = {
    "structured_reports": Comprehensive3DSRStorage,
    "segmentations": SegmentationStorage,
    "key_images": SecondaryCaptureImageStorage,
    "key_object_selections": KeyObjectSelectionDocumentStorage,
}
YELLOW = (255, 225, 60)
"""What the key image marks a finding with."""


def read(sample_runs: SampleRuns, name: str) -> SampleRun:
    (sample,) = (one for one in catalog() if one.name == name)
    return sample_runs.of(sample)


def shown(run: SampleRun) -> tuple[AnalysisFindings, ...]:
    return run.pipeline.records(run.run_id).findings().analyses


def object_of(run: SampleRun, analysis_id: str, sop_class_uid: str) -> Dataset:
    """Return the object of a class that an analysis has."""
    (analysis,) = (one for one in shown(run) if one.analysis_id == analysis_id)
    (uid,) = (
        name.sop_instance_uid
        for name in result_names(run.study_instance_uid, analysis)
        if name.sop_class_uid == sop_class_uid
    )
    (found,) = (one for one in run.results_in_dicom if one.SOPInstanceUID == uid)
    return found


def report_of(run: SampleRun, analysis_id: str) -> hd.sr.MeasurementReport:
    stored = object_of(run, analysis_id, Comprehensive3DSRStorage)
    return hd.sr.Comprehensive3DSR.from_dataset(stored).content


def source_of(run: SampleRun, sop_instance_uid: str) -> Dataset:
    (found,) = (one for one in run.sources if one.SOPInstanceUID == sop_instance_uid)
    return found


def centre_mm(region: hd.sr.ImageRegion, image: Dataset) -> Any:
    """Return the middle of a region of an image in the patient (PS3.3 C.7.6.2.1.1)."""
    transform = hd.spatial.ImageToReferenceTransformer.for_image(image)
    # SCOORD and the transformer count from the top left corner of the first pixel.
    corners = transform(np.asarray(region.value, dtype=float))
    return (corners.min(axis=0) + corners.max(axis=0)) / 2


def test_the_reported_nodule_lies_where_the_phantom_has_it(sample_runs: SampleRuns) -> None:
    run = read(sample_runs, "ct-chest-nodule")
    (group,) = report_of(run, "phantom-nodule").get_planar_roi_measurement_groups()

    image = source_of(run, group.roi.ContentSequence[0].ReferencedSOPSequence[0][0x00081155].value)
    assert np.abs(centre_mm(group.roi, image) - NODULE.centre_mm).max() <= 1.0
    sizes = {m.name.meaning: (m.value, m.unit.value) for m in group.get_measurements()}
    assert sizes["Diameter"][1] == "mm"
    assert abs(sizes["Diameter"][0] - NODULE.diameter_mm) <= 1.0
    assert group.finding_type.meaning == "Nodule"


def test_the_segmented_voxels_are_those_of_the_phantoms_nodule(sample_runs: SampleRuns) -> None:
    run = read(sample_runs, "ct-chest-nodule")
    stored = object_of(run, "phantom-nodule", SegmentationStorage)
    segmentation = hd.seg.Segmentation.from_dataset(stored)
    volume = segmentation.get_volume(combine_segments=True)
    places = volume.map_indices_to_reference(np.argwhere(volume.array > 0))

    assert np.abs(places.mean(axis=0) - NODULE.centre_mm).max() <= 1.0
    distances = np.linalg.norm(places - np.array(NODULE.centre_mm), axis=1)
    voxel_mm = max(volume.spacing)
    assert distances.max() <= NODULE.diameter_mm / 2 + voxel_mm
    sphere = np.pi / 6 * NODULE.diameter_mm**3
    assert len(places) * volume.voxel_volume == pytest.approx(sphere, rel=0.1)


def test_report_and_segmentation_track_the_same_finding(sample_runs: SampleRuns) -> None:
    run = read(sample_runs, "ct-chest-nodule")
    (group,) = report_of(run, "phantom-nodule").get_planar_roi_measurement_groups()
    stored = object_of(run, "phantom-nodule", SegmentationStorage)
    (segment,) = hd.seg.Segmentation.from_dataset(stored).SegmentSequence

    assert segment.TrackingUID == group.tracking_uid
    assert segment.TrackingID == group.tracking_identifier


def test_the_key_objects_are_the_images_of_the_nodule(sample_runs: SampleRuns) -> None:
    run = read(sample_runs, "ct-chest-nodule")
    stored = object_of(run, "phantom-nodule", KeyObjectSelectionDocumentStorage)
    selection = hd.ko.KeyObjectSelectionDocument.from_dataset(stored)

    chosen = [
        item for item in selection.content.get_references() if item.value_type.name == "IMAGE"
    ]
    assert chosen
    for item in chosen:
        study, _, uid = selection.resolve_reference(item.referenced_sop_instance_uid)
        assert study == run.study_instance_uid
        _, _, z_mm = source_of(run, uid).ImagePositionPatient
        assert abs(z_mm - NODULE.centre_mm[2]) <= NODULE.diameter_mm / 2


def test_the_key_image_shows_the_nodule_in_a_box(sample_runs: SampleRuns) -> None:
    run = read(sample_runs, "ct-chest-nodule")
    picture = object_of(run, "phantom-nodule", SecondaryCaptureImageStorage).pixel_array
    height, width = picture.shape[:2]
    bar = (height - width) // 2
    x, y = (
        round((at + FIELD_OF_VIEW_MM / 2) / FIELD_OF_VIEW_MM * width) for at in NODULE.centre_mm[:2]
    )
    reach = round(NODULE.diameter_mm / FIELD_OF_VIEW_MM * width)
    # Below the nodule's middle, where no label stands.
    below = picture[bar + y : bar + y + reach, x - reach : x + reach]
    rows, columns = np.nonzero((below == YELLOW).all(axis=-1))

    assert abs((columns.min() + columns.max()) / 2 - reach) <= 3, "the nodule is in its middle"
    half = (columns.max() - columns.min()) / 2
    assert half >= reach / 2, "and fits into it"
    assert abs(rows.max() - half) <= 3, "up and down, too"


def test_the_reported_pneumothorax_lies_where_the_phantom_has_it(sample_runs: SampleRuns) -> None:
    run = read(sample_runs, "dx-chest-pneumothorax")
    (group,) = report_of(run, "phantom-pneumothorax").get_planar_roi_measurement_groups()

    (image,) = run.sources
    corners = np.asarray(group.roi.value) / (image.Columns, image.Rows)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    assert np.abs(middle - centre_of(PNEUMOTHORAX)).max() <= 0.1


def test_a_study_without_a_finding_says_what_is_absent(sample_runs: SampleRuns) -> None:
    run = read(sample_runs, "dx-chest")
    report = report_of(run, "phantom-pneumothorax")

    assert report.get_planar_roi_measurement_groups() == []
    (group,) = report.get_image_measurement_groups()
    judged = {e.name.meaning: e.value.meaning for e in group.get_qualitative_evaluations()}
    assert judged["Pneumothorax"] == "Absent"
    scores = {m.name.meaning: m.value for m in group.get_measurements()}
    assert scores["Model score"] < scores["Decision threshold"]


def test_one_frame_of_several_is_referred_to_by_its_number(sample_runs: SampleRuns) -> None:
    """The metastasis of the bone scan is best seen from the back, which is the second frame."""
    run = read(sample_runs, "nm-bone-scan")
    (group,) = (
        group
        for group in report_of(run, "vision").get_planar_roi_measurement_groups()
        if group.finding_type.meaning == "AI anomaly candidate"
    )
    (referenced,) = group.roi.ContentSequence[0].ReferencedSOPSequence
    assert int(referenced.ReferencedFrameNumber) == 2


@pytest.mark.parametrize("sample", catalog(), ids=lambda sample: sample.name)
def test_all_that_an_analysis_has_to_say_is_in_the_study(
    sample_runs: SampleRuns, sample: SampleStudy
) -> None:
    run = sample_runs.of(sample)
    named = [
        name for analysis in shown(run) for name in result_names(run.study_instance_uid, analysis)
    ]
    stored = {one.SOPInstanceUID: one for one in run.results_in_dicom}

    assert {name.sop_instance_uid for name in named} == set(stored)
    assert len({one.SeriesInstanceUID for one in stored.values()}) == len(stored)
    for name in named:
        one = stored[name.sop_instance_uid]
        assert (one.SeriesInstanceUID, one.SOPClassUID) == (
            name.series_instance_uid,
            name.sop_class_uid,
        )
        assert "not for clinical use" in one.SeriesDescription
        assert one.get("PreliminaryFlag", "PRELIMINARY") == "PRELIMINARY"
        assert one.get("VerificationFlag", "UNVERIFIED") == "UNVERIFIED"
    counts = run.results["write_dicom_results"]
    classes = Counter(one.SOPClassUID for one in stored.values())
    assert {kind: counts[kind] for kind in COUNTED} == {
        kind: classes[sop_class] for kind, sop_class in COUNTED.items()
    }
    assert counts["structured_reports"] == len(shown(run)) > 0


@pytest.mark.parametrize("sample", catalog(), ids=lambda sample: sample.name)
def test_results_are_no_part_of_the_study_that_they_are_about(
    sample_runs: SampleRuns, sample: SampleStudy
) -> None:
    run = sample_runs.of(sample)
    installation, uid = run.pipeline.installation, run.study_instance_uid
    metadata = installation.dicomweb.study_metadata(uid, "the sample's study")
    sources = {one.SOPInstanceUID for one in run.sources}
    assert 0 < len(sources) < len(metadata)

    others = [item for item in metadata if not is_own_result(item)]
    headers = installation.intake.stored_headers(uid, "the sample's study")
    manifest = run.pipeline.records(run.run_id).manifest

    assert study_facts(metadata) == study_facts(others)
    assert {header.sop_instance_uid for header in headers} == sources
    assert {header.sop_instance_uid for header in manifest.instances} == sources
