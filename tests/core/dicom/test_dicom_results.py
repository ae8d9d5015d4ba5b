"""All objects of an analysis: valid, the same at every build, and never about somebody else."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highdicom.sr import CodedConcept, MeasurementReport
from hypothesis import given, settings
from pydicom import Dataset, dcmread
from tests.core.dicom.result_cases import (
    ANALYSIS,
    PIXELS,
    SERIES,
    STUDY,
    analyses,
    built,
    ct_slice,
    from_store,
    headers,
    mask,
    reference,
)

from wetread.core.dicom.ownership import is_own_result
from wetread.core.dicom.results import (
    ResultKind,
    build_results,
    images_needed,
    key_frame,
    result_names,
)
from wetread.core.dicom.structured_report import GROUP_LIMIT
from wetread.core.errors import PermanentError
from wetread.core.findings import AnalysisFindings
from wetread.core.terminology import concept

ROOT = Path(__file__).parents[3]
SCORE = CodedConcept(*concept("score").coded())
LEFT_OUT_AT_TIMES = {ResultKind.SEGMENTATION, ResultKind.ANNOTATIONS}
"""Where nothing is covered, or nothing says where it would lie."""


def read(blob: bytes) -> Dataset:
    return dcmread(BytesIO(blob))


@settings(max_examples=60, deadline=None)
@given(analysis=analyses())
def test_whatever_is_found_becomes_valid_objects_under_the_names_given_before(
    analysis: AnalysisFindings,
) -> None:
    of = headers(analysis.modality)
    objects = build_results(analysis, of, PIXELS)  # held to the gate
    names = result_names(STUDY, analysis)
    written = [result.name for result in objects]
    assert written == [name for name in names if name in written]
    assert {name.kind for name in names if name not in written} <= LEFT_OUT_AT_TIMES
    for result in objects:
        header = read(result.blob)
        uids = (header.SOPInstanceUID, header.SeriesInstanceUID, header.SOPClassUID)
        name = result.name
        assert uids == (name.sop_instance_uid, name.series_instance_uid, name.sop_class_uid)
        assert is_own_result(header)
        assert header.PatientName == "Wetherby^Quentin"
    again = build_results(analysis, of, PIXELS)
    assert [result.blob for result in again] == [result.blob for result in objects]


def test_another_process_on_another_day_in_another_zone_writes_the_same_bytes() -> None:
    environment = {
        **os.environ,
        "TZ": "Pacific/Auckland",
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]),
    }
    program = [sys.executable, "-m", "tests.core.dicom.result_cases", "CT", "SM"]
    printed = subprocess.run(
        program, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    here = [
        f"{result.name.kind} {hashlib.sha256(result.blob).hexdigest()}"
        for modality in ("CT", "SM")
        for result in built(replace(ANALYSIS, modality=modality)).values()
    ]
    assert printed.splitlines() == here


class TestNames:
    def test_each_kind_has_a_series_of_its_own(self) -> None:
        names = result_names(STUDY, ANALYSIS)
        assert [name.kind for name in names] == [
            "structured-report",
            "segmentation",
            "key-image",
            "key-objects",
        ]
        assert len({name.series_instance_uid for name in names}) == len(names)

    def test_other_findings_have_other_names(self) -> None:
        other = replace(ANALYSIS, supersedes=ANALYSIS.digest)
        uids = {name.sop_instance_uid for name in result_names(STUDY, ANALYSIS)}
        assert uids.isdisjoint(name.sop_instance_uid for name in result_names(STUDY, other))

    def test_nothing_looked_at_is_nothing_to_report(self) -> None:
        unseen = replace(ANALYSIS, images=0)
        assert result_names(STUDY, unseen) == ()
        assert images_needed(unseen) == ()
        assert build_results(unseen, {}, None) == ()

    def test_nothing_found_still_is_reported_with_what_was_looked_for(self) -> None:
        clear = replace(ANALYSIS, findings=(), candidates=())
        (needed,) = images_needed(clear)
        assert needed.sop_instance_uid == f"{SERIES}.1"
        assert key_frame(clear) is None
        (report,) = build_results(clear, headers(), None)
        assert report.name.kind == "structured-report"

    def test_masks_need_the_headers_of_all_their_images(self) -> None:
        needed = {image.sop_instance_uid for image in images_needed(ANALYSIS)}
        assert needed == {f"{SERIES}.{number}" for number in (1, 2, 3)}


def test_a_model_that_does_not_say_its_version_loses_no_object() -> None:
    source = replace(ANALYSIS.source, version="", weights_digest="")
    objects = built(replace(ANALYSIS, source=source))
    versions = {kind: read(result.blob).SoftwareVersions for kind, result in objects.items()}
    assert versions == dict.fromkeys(built(), "unknown")


def test_what_supersedes_names_the_report_before_it() -> None:
    before = built()["structured-report"].name
    later = built(replace(ANALYSIS, supersedes=ANALYSIS.digest))["structured-report"]
    (study,) = read(later.blob).PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (document,) = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == STUDY
    assert series.SeriesInstanceUID == before.series_instance_uid
    assert document.ReferencedSOPInstanceUID == before.sop_instance_uid


def test_a_report_holds_the_best_of_more_than_anybody_reads() -> None:
    (found,) = ANALYSIS.findings[:1]
    crowd = tuple(replace(found, score=1 - number / 1000, mask=None) for number in range(250))
    report = read(built(replace(ANALYSIS, findings=crowd))["structured-report"].blob)
    groups = MeasurementReport.from_sequence([report]).get_planar_roi_measurement_groups()
    scores = [min(m.value for m in group.get_measurements(name=SCORE)) for group in groups]
    assert len(groups) == GROUP_LIMIT
    assert min(scores) == pytest.approx(1 - (GROUP_LIMIT - 1) / 1000)


def test_slices_whose_directions_differ_by_their_rounding_are_of_one_volume() -> None:
    def segmented(direction: float) -> bool:
        of = headers()
        of[f"{SERIES}.2"].ImageOrientationPatient = [1, 0, direction, 0, 1, 0]
        return "segmentation" in built(ANALYSIS, of)

    assert segmented(0.00001)
    assert not segmented(0.01)


class TestSources:
    @pytest.mark.parametrize(
        "attributes",
        [
            {"PatientSex": "WEIBLICH"},
            {"PatientName": "No caret, 100 letters " + "x" * 80},
            {"PatientName": "山田^太郎=Yamada^Tarou", "SpecificCharacterSet": "ISO_IR 192"},
            {"StudyDate": None, "StudyTime": None, "StudyID": None, "PatientID": None},
            {"FrameOfReferenceUID": None},
            {"ImagePositionPatient": None},
            {"ImagePositionPatient": [0, 0, 0]},
            {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
            {"PixelSpacing": None},
            {"Rows": None, "Columns": None},
            {"TimezoneOffsetFromUTC": "+0530"},
            {"TimezoneOffsetFromUTC": "+2500"},
            {"SliceThickness": None},
            {"PatientOrientation": ["l", "a\\p"]},
            {"Modality": None},
        ],
        ids=str,
    )
    @pytest.mark.filterwarnings("ignore")
    def test_odd_headers_cost_no_report_and_show_up_in_no_log(
        self, attributes: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        objects = built(ANALYSIS, headers(**attributes))
        assert {"structured-report", "key-image", "key-objects"} <= objects.keys()
        name = str(attributes.get("PatientName", "Wetherby^Quentin"))
        for result in objects.values():
            assert str(read(result.blob).PatientName) == name
        assert "letters" not in caplog.text
        assert "Wetherby" not in caplog.text
        assert SERIES not in caplog.text

    @pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.6", "1.3.12.2.1107.5.9.1"])
    def test_images_of_retired_and_private_classes_are_referred_to_as_they_are(
        self, sop_class: str
    ) -> None:
        objects = built(ANALYSIS, headers(SOPClassUID=sop_class))
        assert len(objects) == 4
        for result in objects.values():
            elements = read(result.blob).iterall()
            classes = {e.value for e in elements if e.keyword == "ReferencedSOPClassUID"}
            assert classes == {sop_class}

    def test_views_that_share_no_space_are_segmented_each_for_itself(self) -> None:
        found = [
            replace(
                ANALYSIS.findings[0],
                image=reference(n),
                mask=mask(np.ones((1, 5, 5), bool), 2, 2, n),
            )
            for n in (1, 3)
        ]
        analysis = replace(ANALYSIS, findings=(*found, found[0]))
        objects = build_results(analysis, headers(FrameOfReferenceUID=None), PIXELS)
        segmented = [read(o.blob) for o in objects if o.name.kind == "segmentation"]
        assert [one.InstanceNumber for one in segmented] == [1, 2]
        assert [len(one.SegmentSequence) for one in segmented] == [2, 1]
        sources = [one.SourceImageSequence[0].ReferencedSOPInstanceUID for one in segmented]
        assert sources == [f"{SERIES}.1", f"{SERIES}.3"]

    def test_images_that_share_no_plane_are_not_segmented_in_part(self) -> None:
        of = headers()
        turned = from_store(ct_slice(2, ImageOrientationPatient=[1, 0, 0, 0, 0, -1]))
        assert "segmentation" in built(ANALYSIS, of)
        assert "segmentation" not in built(ANALYSIS, {**of, f"{SERIES}.2": turned})

    @pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPClassUID"])
    def test_a_header_without_its_uids_is_an_error(self, keyword: str) -> None:
        with pytest.raises(PermanentError) as caught:
            built(ANALYSIS, headers(**{keyword: None}))
        assert caught.value.code == "result-invalid"

    def test_a_header_too_few_is_an_error(self) -> None:
        of = headers()
        del of[f"{SERIES}.2"]
        with pytest.raises(PermanentError) as caught:
            built(ANALYSIS, of)
        assert caught.value.code == "result-invalid"
