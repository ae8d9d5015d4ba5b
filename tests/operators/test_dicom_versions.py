"""The same findings leave the same objects, whoever tries how often; new ones name the old."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage
from tests.operators.kills import Killed, Worker, transports_of
from tests.operators.pipeline import Pipeline
from tests.operators.test_faults import study_of_its_own
from tests.operators.test_versions import SETTINGS, delete_instance

from samples import SampleFile, hostile
from wetread.core.dicom.ownership import is_own_result
from wetread.core.dicom.results import ResultName, result_names
from wetread.core.errors import PermanentError
from wetread.core.findings import AnalysisFindings
from wetread.operators.dicom_results import WriteDicomResultsOperator

KINDS = {
    "structured_reports": 1,
    "segmentations": 0,
    "bulk_annotations": 0,
    "key_images": 1,
    "key_object_selections": 1,
}
"""What Vision AI's candidates on a few CT slices become."""


def taken_in(pipeline: Pipeline, folder: str, files: list[SampleFile]) -> str:
    pipeline.upload(folder, files)
    (run_id,) = pipeline.intake()
    if not run_id.endswith("__v1"):
        pipeline.wait_quiet()
    return run_id


def analysis_of(pipeline: Pipeline, run_id: str) -> AnalysisFindings:
    (analysis,) = pipeline.records(run_id).findings().analyses
    return analysis


def objects(pipeline: Pipeline, study: str) -> dict[str, bytes]:
    """Return every object of ours in a study, as the store holds it."""
    dicomweb = pipeline.installation.dicomweb
    own = [item for item in dicomweb.study_metadata(study, "it") if is_own_result(item)]
    uids = [(item["0020000E"]["Value"][0], item["00080018"]["Value"][0]) for item in own]
    return {uid: dicomweb.retrieve_instance(study, series, uid, "it") for series, uid in uids}


def named(pipeline: Pipeline, run_id: str, sop_class_uid: str) -> ResultName:
    study = pipeline.records(run_id).manifest.study_instance_uid
    (name,) = (
        name
        for name in result_names(study, analysis_of(pipeline, run_id))
        if name.sop_class_uid == sop_class_uid
    )
    return name


def data_set(blob: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(blob))


def changed(blob: bytes, **attributes: str | list[str]) -> bytes:
    """Return an object with the same UIDs and other bytes."""
    dataset, stream = data_set(blob), io.BytesIO()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(stream)
    return stream.getvalue()


def test_objects_that_are_made_again_are_the_same_to_the_byte(shared_pipeline: Pipeline) -> None:
    """They are taken out of the store between, for it would not let others in."""
    study, files = study_of_its_own(7101)
    run_id = taken_in(shared_pipeline, "again", files)
    first = shared_pipeline.run(run_id)
    before = objects(shared_pipeline, study)
    for blob in before.values():
        delete_instance(shared_pipeline, blob)
    assert objects(shared_pipeline, study) == {}

    again = shared_pipeline.run(run_id)

    assert first["write_dicom_results"] == again["write_dicom_results"] == KINDS
    assert objects(shared_pipeline, study) == before
    assert len(before) == sum(KINDS.values())


def test_results_start_nothing_and_change_no_later_version(shared_pipeline: Pipeline) -> None:
    study, files = study_of_its_own(7102)
    first = taken_in(shared_pipeline, "quiet", files)
    shared_pipeline.run(first)
    stored = objects(shared_pipeline, study)
    assert len(stored) == sum(KINDS.values())

    assert shared_pipeline.intake() == [], "the store has told of every object by now"

    (second,) = shared_pipeline.request(study, "urgent")
    shared_pipeline.run(second)
    manifests = [shared_pipeline.records(run_id).manifest for run_id in (first, second)]
    assert manifests[0].digest == manifests[1].digest
    assert objects(shared_pipeline, study) == stored, "the same content has the same findings"


def test_late_images_leave_objects_that_name_those_before(shared_pipeline: Pipeline) -> None:
    study, files = study_of_its_own(7103)
    first = taken_in(shared_pipeline, "late", files[:2])
    shared_pipeline.run(first)
    before = objects(shared_pipeline, study)

    second = taken_in(shared_pipeline, "late", files[2:])
    results = shared_pipeline.run(second)

    assert results["write_dicom_results"] == KINDS
    old, new = (analysis_of(shared_pipeline, run_id) for run_id in (first, second))
    assert (old.supersedes, new.supersedes) == ("", old.digest)
    after = objects(shared_pipeline, study)
    assert before.items() <= after.items(), "somebody may have read them"
    assert len(after) == 2 * len(before)
    predecessor = named(shared_pipeline, first, Comprehensive3DSRStorage)
    report = data_set(
        after[named(shared_pipeline, second, Comprehensive3DSRStorage).sop_instance_uid]
    )
    (of_study,) = report.PredecessorDocumentsSequence
    (of_series,) = of_study.ReferencedSeriesSequence
    (referenced,) = of_series.ReferencedSOPSequence
    assert of_series.SeriesInstanceUID == predecessor.series_instance_uid
    assert referenced.ReferencedSOPInstanceUID == predecessor.sop_instance_uid
    assert predecessor.sop_instance_uid in before
    assert "PredecessorDocumentsSequence" not in data_set(before[predecessor.sop_instance_uid])


def test_findings_under_other_settings_leave_objects_that_name_those_before(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, files = study_of_its_own(7112)
    first = taken_in(shared_pipeline, "settings-of-objects", files)
    shared_pipeline.run(first)
    before = objects(shared_pipeline, study)
    changed_settings = {"quiet_period_seconds": 1, "sampled_frames_per_series": 2}
    monkeypatch.setenv(SETTINGS, json.dumps(changed_settings))

    (second,) = shared_pipeline.request(study, "urgent")
    shared_pipeline.run(second)

    assert (
        analysis_of(shared_pipeline, second).supersedes
        == analysis_of(shared_pipeline, first).digest
    )
    after = objects(shared_pipeline, study)
    assert before.items() <= after.items()
    assert len(after) == 2 * len(before)


def test_two_workers_at_once_leave_what_one_leaves(shared_pipeline: Pipeline) -> None:
    study, files = study_of_its_own(7113)
    run_id = taken_in(shared_pipeline, "twice", files)
    shared_pipeline.run(run_id)
    alone = objects(shared_pipeline, study)
    for blob in alone.values():
        delete_instance(shared_pipeline, blob)
    results = partial(WriteDicomResultsOperator, task_id="write_dicom_results", study=run_id)

    with ThreadPoolExecutor(2) as pool:
        written = [pool.submit(results().execute, {}) for _ in range(2)]

    assert [one.result() for one in written] == [KINDS, KINDS]
    assert objects(shared_pipeline, study) == alone


def test_what_superseded_findings_said_is_named_past_a_version_that_failed(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, files = study_of_its_own(7104)
    first = taken_in(shared_pipeline, "failed", files[:1])
    shared_pipeline.run(first)
    second = taken_in(shared_pipeline, "failed", files[1:2])
    with monkeypatch.context() as fault:
        fault.setattr(
            "wetread.operators.image_analysis.AnalyzeImagesOperator._run", lambda *_: iter(())
        )
        shared_pipeline.run(second)

    third = taken_in(shared_pipeline, "failed", files[2:])
    shared_pipeline.run(third)

    assert (
        analysis_of(shared_pipeline, third).supersedes == analysis_of(shared_pipeline, first).digest
    )


def test_records_that_somebody_removed_are_superseded_by_nothing(
    shared_pipeline: Pipeline,
) -> None:
    _, files = study_of_its_own(7115)
    first = taken_in(shared_pipeline, "removed", files[:2])
    shared_pipeline.run(first)
    _, key, version = first.split("__")
    bucket = shared_pipeline.installation.state.bucket
    second = taken_in(shared_pipeline, "removed", files[2:])
    bucket.delete([(f"studies/{key}/{version}/manifest.json", None)], "the manifest")

    results = shared_pipeline.run(second)

    assert results["write_dicom_results"] == KINDS
    assert analysis_of(shared_pipeline, second).supersedes == ""


def test_objects_that_another_release_wrote_are_kept(shared_pipeline: Pipeline) -> None:
    study, files = study_of_its_own(7105)
    run_id = taken_in(shared_pipeline, "release", files)
    shared_pipeline.run(run_id)
    name = named(shared_pipeline, run_id, Comprehensive3DSRStorage)
    written = objects(shared_pipeline, study)
    theirs = changed(written[name.sop_instance_uid], SoftwareVersions="before")
    replace_instance(shared_pipeline, study, written[name.sop_instance_uid], theirs)

    again = shared_pipeline.run(run_id)

    assert again["write_dicom_results"] == KINDS
    assert objects(shared_pipeline, study) == {**written, name.sop_instance_uid: theirs}


@pytest.mark.parametrize(
    ("number", "foreign"),
    [(7106, {"Manufacturer": "Another"}), (7107, {"SOPClassUID": SecondaryCaptureImageStorage})],
)
def test_what_somebody_else_stored_under_our_uid_is_a_conflict(
    shared_pipeline: Pipeline, number: int, foreign: dict[str, str]
) -> None:
    study, files = study_of_its_own(number)
    run_id = taken_in(shared_pipeline, f"foreign-{number}", files)
    shared_pipeline.run(run_id)
    name = named(shared_pipeline, run_id, Comprehensive3DSRStorage)
    written = objects(shared_pipeline, study)
    theirs = changed(written[name.sop_instance_uid], **foreign)
    for blob in written.values():
        delete_instance(shared_pipeline, blob)
    assert shared_pipeline.installation.dicomweb.store_instances(study, [theirs], "it") == ()

    error = shared_pipeline.run(run_id)["write_dicom_results"]

    assert isinstance(error, PermanentError)
    assert error.code == "result-conflict"
    assert "did not take the structured-report" in str(error)
    assert "s01 vision: reason 0x0110" in str(error)
    assert name.sop_instance_uid not in str(error)
    others = {uid: blob for uid, blob in written.items() if uid != name.sop_instance_uid}
    assert others.items() <= objects(shared_pipeline, study).items(), "the others are stored"
    shared_pipeline.intake()  # what is not ours opens a version


def test_objects_of_one_series_do_not_wait_for_those_of_another(shared_pipeline: Pipeline) -> None:
    study, files = study_of_its_own(7114)
    other = changed(files[2].content, SeriesInstanceUID=f"{study}.2", SeriesNumber="2")
    run_id = taken_in(shared_pipeline, "two", [*files[:2], SampleFile("other.dcm", other)])
    shared_pipeline.run(run_id)
    ours, others = (
        {name.sop_instance_uid for name in result_names(study, analysis)}
        for analysis in shared_pipeline.records(run_id).findings().analyses
    )
    written = objects(shared_pipeline, study)
    assert set(written) == ours | others
    for blob in written.values():
        delete_instance(shared_pipeline, blob)
    foreign = [changed(written[uid], Manufacturer="Another") for uid in ours]
    assert shared_pipeline.installation.dicomweb.store_instances(study, foreign, "it") == ()

    error = shared_pipeline.run(run_id)["write_dicom_results"]

    assert "s01 vision" in str(error)
    assert set(objects(shared_pipeline, study)) == others
    shared_pipeline.intake()  # what is not ours opens a version


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_dies_at_the_store_leaves_the_rest_to_the_next(
    shared_pipeline: Pipeline, moment: str
) -> None:
    study, files = study_of_its_own({"before": 7108, "after": 7109}[moment])
    run_id = taken_in(shared_pipeline, f"killed-{moment}", files)
    with transports_of(Worker(at="store 1", moment=moment)), pytest.raises(Killed):
        shared_pipeline.run(run_id)
    found = analysis_of(shared_pipeline, run_id)
    left = objects(shared_pipeline, study)
    assert len(left) == {"before": 0, "after": sum(KINDS.values())}[moment]

    results = shared_pipeline.run(run_id)

    assert results["write_dicom_results"] == KINDS
    assert analysis_of(shared_pipeline, run_id) == found
    after = objects(shared_pipeline, study)
    assert left.items() <= after.items()
    assert set(after) == {name.sop_instance_uid for name in result_names(study, found)}


@pytest.mark.parametrize(
    ("number", "character_set", "name"),
    [
        (7110, "ISO_IR 100", "M\u00fcller^J\u00f6rg"),
        (7111, ["", "ISO 2022 IR 87"], "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce"),
    ],
)
def test_a_patients_name_is_the_same_in_every_object(
    shared_pipeline: Pipeline, number: int, character_set: str | list[str], name: str
) -> None:
    study, files = study_of_its_own(number)
    named_files = [
        SampleFile(
            file.name,
            changed(file.content, SpecificCharacterSet=character_set, PatientName=name),
        )
        for file in files
    ]
    shared_pipeline.run(taken_in(shared_pipeline, f"name-{number}", named_files))

    stored = [data_set(blob) for blob in objects(shared_pipeline, study).values()]
    assert [str(one.PatientName) for one in stored] == [name] * sum(KINDS.values())


def test_a_study_with_nothing_to_look_at_gets_no_object(shared_pipeline: Pipeline) -> None:
    (file,) = hostile.structured_report_only()
    run_id = taken_in(shared_pipeline, "nothing", [file])

    results = shared_pipeline.run(run_id)

    assert set(results["write_dicom_results"].values()) == {0}
    study = str(data_set(file.content).StudyInstanceUID)
    assert objects(shared_pipeline, study) == {}


def replace_instance(pipeline: Pipeline, study: str, old: bytes, new: bytes) -> None:
    """Let the store hold other bytes under the same UIDs."""
    delete_instance(pipeline, old)
    assert pipeline.installation.dicomweb.store_instances(study, [new], "it") == ()
