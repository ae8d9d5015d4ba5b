"""The key image: a Secondary Capture that any store takes twice and no reader takes for final."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from tests.core.dicom.cases import ANALYSIS, CANDIDATES, NODULE, PIXELS, key_image, source
from tests.core.pixels.cases import WHEEL, file_of

from wetread.core.dicom.key_image import build_key_image
from wetread.core.dicom.names import best_image
from wetread.core.dicom.ownership import is_own_result
from wetread.core.errors import PermanentError
from wetread.core.findings import AnalysisSource, Finding
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame

ROOT = Path(__file__).parents[3]


def built(of: Dataset | None = None, **changes: Any) -> Dataset:
    return read_instance(key_image(of, **changes))


def test_all_that_is_marked_on_the_best_frame_is_drawn() -> None:
    """A model may list what it found by score, and not image by image."""
    here, elsewhere = NODULE.image, replace(NODULE.image, sop_instance_uid="1.2.3.5")
    found = [
        Finding("pulmonary-nodule", score, 0.5, image)
        for score, image in ((0.9, here), (0.8, elsewhere), (0.7, here))
    ]
    analysis = replace(ANALYSIS, candidates=(), findings=tuple(found))
    assert best_image(analysis) == [found[0], found[2]]


class TestBytes:
    def test_they_repeat_in_another_process_on_another_day_in_another_zone(self) -> None:
        environment = {
            **os.environ,
            "TZ": "Pacific/Auckland",
            "PYTHONHASHSEED": "7",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]),
        }
        program = [sys.executable, "-m", "tests.core.dicom.cases"]
        printed = subprocess.run(
            program, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout
        assert printed.strip() == hashlib.sha256(key_image()).hexdigest()

    def test_no_date_but_those_of_study_patient_and_findings(self) -> None:
        text = str(built())
        dates = set(re.findall(r"(?:DA|DT): '(\d{8})", text))
        assert dates == {"19700101", "20260102"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"source": AnalysisSource("cloud-vision", "v2", "d" * 64)},
            {"source": AnalysisSource("cloud-vision", "v1", "e" * 64)},
            {"candidates": (NODULE,)},
            {"created_at": "2026-01-03T00:00:00Z"},
        ],
    )
    def test_other_findings_make_another_object(self, changes: dict[str, Any]) -> None:
        one, other = built(), built(**changes)
        assert one.SOPInstanceUID != other.SOPInstanceUID
        assert one.SeriesInstanceUID != other.SeriesInstanceUID


class TestHeader:
    def test_it_says_what_it_is(self) -> None:
        header = built()
        assert header.SOPClassUID == SecondaryCaptureImageStorage
        assert list(header.ImageType) == ["DERIVED", "SECONDARY"]
        assert header.BurnedInAnnotation == "YES"
        assert header.SeriesDescription == "AI key image - not for clinical use"
        assert header.Manufacturer == "Wetread"
        assert header.ManufacturerModelName == "cloud-vision"
        assert header.SoftwareVersions == "v1"
        assert is_own_result(header)

    def test_patient_and_study_stand_as_in_the_source(self) -> None:
        of, header = source(), built()
        for keyword in ("PatientName", "PatientID", "PatientSex", "StudyInstanceUID", "StudyTime"):
            assert header[keyword].value == of[keyword].value
        assert header.SeriesInstanceUID != of.SeriesInstanceUID

    def test_it_refers_to_the_frame_it_shows(self) -> None:
        (reference,) = built().SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == "1.2.3.4"
        assert "ReferencedFrameNumber" not in reference

    def test_the_orientation_follows_from_the_plane(self) -> None:
        assert list(built().PatientOrientation) == ["L", "P"]
        tilted = source(ImageOrientationPatient=[0, 1, 0, 0, 0.5, -0.866])
        assert list(built(tilted).PatientOrientation) == ["P", "FP"]
        assert not built(source(ImageOrientationPatient=None)).PatientOrientation

    @pytest.mark.parametrize(
        ("offset", "date", "time"),
        [
            (None, "20260102", "230405"),
            ("+0200", "20260103", "010405"),
            ("-0530", "20260102", "173405"),
            ("later", "20260102", "230405"),
        ],
    )
    def test_times_follow_the_offset_of_the_study(
        self, offset: str | None, date: str, time: str
    ) -> None:
        header = built(source(TimezoneOffsetFromUTC=offset))
        assert (header.ContentDate, header.ContentTime) == (date, time)
        assert (header.InstanceCreationDate, header.InstanceCreationTime) == (date, time)

    def test_a_loss_in_the_source_stays_a_loss(self) -> None:
        of = source(
            LossyImageCompression="01",
            LossyImageCompressionRatio=10,
            LossyImageCompressionMethod="ISO_10918_1",
        )
        assert built(of).LossyImageCompression == "01"


class TestHostileSources:
    @pytest.mark.parametrize(
        "attributes",
        [
            {"PatientSex": "WEIBLICH"},
            {"PatientName": "No caret, 100 letters " + "x" * 80},
            {"SpecificCharacterSet": ""},
            {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "山田^太郎"},
            {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"},
            {"SpecificCharacterSet": "NO SUCH SET"},
            {"StudyDate": "yesterday", "StudyTime": "noon"},
            {"PatientName": None, "PatientID": None, "StudyDate": None},
            {"PixelSpacing": [0, 0]},
            {"PatientOrientation": ["A", "B", "C"]},
        ],
        ids=str,
    )
    @pytest.mark.filterwarnings("ignore")
    def test_what_the_source_holds_is_kept_and_never_logged(
        self, attributes: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, logger="highdicom")
        header = built(source(**attributes))
        for keyword in ("PatientName", "PatientSex", "StudyDate"):
            if keyword in attributes:
                assert str(header.get(keyword) or "") == (attributes[keyword] or "")
        assert "Sample" not in caplog.text
        assert "letters" not in caplog.text

    def test_a_source_without_a_study_is_an_error(self) -> None:
        of = read_instance(file_of(source()))
        del of.StudyInstanceUID
        with pytest.raises(PermanentError) as caught:
            build_key_image(of, PIXELS, CANDIDATES, ANALYSIS)
        assert caught.value.code == "result-invalid"

    def test_a_model_with_an_impossible_name_is_written_legibly(self) -> None:
        header = built(source=AnalysisSource("modèle\\" + "x" * 100, "1\n2", "d"))
        assert header.ManufacturerModelName == "modèle?" + "x" * 57
        assert header.SoftwareVersions == "1?2"


REAL = {
    "CT": "J2K_pixelrep_mismatch.dcm",
    "CT-small": "CT_small.dcm",
    "MR": "MR_small.dcm",
    "MR-overlay": "examples_overlay.dcm",
    "US": "examples_jpeg2k.dcm",
    "US-palette": "examples_palette.dcm",
    "US-cine": "examples_ybr_color.dcm",
    "CR": "dicomdirtests/77654033/CR1/6154",
}


def dciodvfy(path: Path) -> list[str]:
    """Return what the validator of dicom3tools says; it exits with 1 for errors."""
    return subprocess.run(
        ["dciodvfy", path], capture_output=True, text=True, check=False
    ).stderr.splitlines()


@pytest.mark.needs("dciodvfy")
@pytest.mark.parametrize("name", REAL.values(), ids=REAL)
def test_dciodvfy_finds_no_error_that_the_source_had_not(name: str, tmp_path: Path) -> None:
    original = WHEEL / "test_files" / name
    of = read_instance(original.read_bytes())
    frame = render_frame(of, limit_bytes=2**26)
    path = tmp_path / "key.dcm"
    path.write_bytes(build_key_image(of, frame.pixels, CANDIDATES, ANALYSIS))
    verdict = dciodvfy(path)
    assert "SCImage" in verdict
    errors = {line for line in verdict if line.startswith("Error")}
    assert errors <= set(dciodvfy(original))


def test_a_standard_reader_shows_the_picture() -> None:
    header = built()
    shown = render_frame(header, limit_bytes=2**26).pixels
    assert shown.shape == (header.Rows, header.Columns, 3)
    assert max(shown.shape) <= 2048
