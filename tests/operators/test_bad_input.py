"""Bad input ends in an outcome with a reason: never a crash, never silence."""

from __future__ import annotations

import json

import pytest
from tests.operators.pipeline import Pipeline

from samples import SampleFile, hostile


def reasons(pipeline: Pipeline, folder: str) -> dict[str, str]:
    """Return the reason beside every file of a folder below ``failed/``."""
    bucket = pipeline.installation.storage.client.bucket("wetread-incoming")
    suffix = ".reason.json"
    return {
        name.removeprefix(f"failed/{folder}/").removesuffix(suffix): json.loads(
            bucket.blob(name).download_as_bytes()
        )["reason"]
        for name in pipeline.objects(f"failed/{folder}/")
        if name.endswith(suffix)
    }


def no_errors(results: dict[str, object]) -> bool:
    return not [result for result in results.values() if isinstance(result, Exception)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (hostile.not_dicom(), "not-dicom"),
        (hostile.zero_bytes(), "empty-file"),
        (hostile.truncated(), "truncated"),
        (hostile.preamble_only(), None),
        (hostile.lying_length(), "truncated"),
        (hostile.missing_uid("StudyInstanceUID"), "missing-uids"),
        (hostile.missing_uid("SOPInstanceUID"), "missing-uids"),
        (hostile.malformed_uid("SeriesInstanceUID"), "missing-uids"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_file_beside_a_good_one(pipeline: Pipeline, content: bytes, reason: str | None) -> None:
    """The study is read, the file stands in failed/ with its reason, and both are counted."""
    files = [SampleFile("bad.dcm", content), SampleFile("good.dcm", hostile.valid())]
    pipeline.upload("ward", files)
    (run_id,) = pipeline.intake()

    results = pipeline.run(run_id)

    assert no_errors(results)
    assert results["archive_source"] == {
        "analysed": 1,
        "skipped": 0,
        "unsupported": 0,
        "quarantined": 1,
    }
    found = reasons(pipeline, "ward")
    assert list(found) == ["bad.dcm"]
    assert reason in (None, found["bad.dcm"])
    assert pipeline.objects("processed/ward/") == ["processed/ward/good.dcm"]
    assert pipeline.objects("incoming/") == []


def test_image_without_pixels_is_skipped(pipeline: Pipeline) -> None:
    results = pipeline.process("ward", [SampleFile("1.dcm", hostile.no_pixel_data())])

    assert no_errors(results)
    assert results["archive_source"]["skipped"] == 1
    (report,) = pipeline.resources("DiagnosticReport")
    assert "Nothing to analyse" in report["conclusion"]


def test_two_patients_in_one_study_are_nobodys(pipeline: Pipeline) -> None:
    """Nothing of it is imported, and its report names no patient."""
    results = pipeline.process("ward", hostile.two_patients())

    assert no_errors(results)
    assert results["archive_source"]["quarantined"] == 2
    assert set(reasons(pipeline, "ward").values()) == {"two-patients"}
    (report,) = pipeline.resources("DiagnosticReport")
    assert report["subject"] == {"type": "Patient", "display": "Patient not identified"}
    (study,) = pipeline.resources("ImagingStudy")
    assert study["status"] == "registered"


def test_copies_are_told_from_conflicts(pipeline: Pipeline) -> None:
    same = pipeline.process("same", hostile.duplicates())
    assert same["archive_source"] == {
        "analysed": 1,
        "skipped": 1,
        "unsupported": 0,
        "quarantined": 0,
    }


def test_first_of_two_conflicting_copies_wins(pipeline: Pipeline) -> None:
    results = pipeline.process("ward", hostile.conflicting_copies())

    assert results["archive_source"]["analysed"] == 1
    assert reasons(pipeline, "ward") == {"2.dcm": "conflicting-copy"}


def test_hostile_names_stay_in_their_folder(pipeline: Pipeline) -> None:
    files = hostile.hostile_names()

    results = pipeline.process("ward", files)

    assert no_errors(results)
    assert results["archive_source"]["analysed"] == len(files)
    moved = set(pipeline.objects("processed/ward/"))
    assert moved == {f"processed/ward/{file.name}" for file in files}
    assert pipeline.objects("incoming/") == []


def test_folder_with_nothing_usable_is_set_aside(pipeline: Pipeline) -> None:
    files = hostile.nothing_usable()
    pipeline.upload("junk", files)

    assert pipeline.intake() == []

    assert set(reasons(pipeline, "junk")) == {file.name for file in files}
    assert pipeline.objects("incoming/") == []
    assert pipeline.resources("DiagnosticReport") == []


def test_refused_file_never_takes_the_place_of_another(pipeline: Pipeline) -> None:
    """Senders use the same names again; nothing but failed/ holds what was refused."""
    contents = [hostile.not_dicom(), hostile.zero_bytes(), hostile.not_dicom()]
    for content in contents:
        pipeline.upload("junk", [SampleFile("1.dcm", content)])
        pipeline.intake()

    bucket = pipeline.installation.storage.client.bucket("wetread-incoming")
    kept = [n for n in pipeline.objects("failed/junk/") if not n.endswith(".reason.json")]
    assert {bucket.blob(name).download_as_bytes() for name in kept} == set(contents)
    assert sorted(reasons(pipeline, "junk").values()) == ["empty-file", "not-dicom"]


def test_folder_with_nothing_usable_waits_for_its_sender(pipeline: Pipeline) -> None:
    """Without _COMPLETE a file that cannot be read yet may still be followed by its study."""
    pipeline.upload("slow", hostile.nothing_usable(), complete=False)

    pipeline.intake()

    assert pipeline.objects("failed/") == []
