"""A version stays what it was sealed as, whatever happens around it."""

from __future__ import annotations

import io
import json

import pydicom
import pytest
import requests
from tests.operators.pipeline import Pipeline
from tests.operators.test_faults import study_of_its_own
from tests.operators.test_import_refusals import other_bytes

SETTINGS = "AIRFLOW_VAR_WETREAD_SETTINGS"


def test_settings_of_today_do_not_touch_the_version_of_yesterday(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cleared after a change of settings leaves the same report, once."""
    study, files = study_of_its_own(4001)
    shared_pipeline.upload("settings", files)
    (run_id,) = shared_pipeline.intake()
    first = shared_pipeline.run(run_id)
    left = shared_pipeline.left_behind(run_id, study)

    changed = {"quiet_period_seconds": 1, "anomaly_threshold": 1.0, "sampled_frames_per_series": 1}
    monkeypatch.setenv(SETTINGS, json.dumps(changed))
    again = shared_pipeline.run(run_id)

    assert again == first
    assert shared_pipeline.left_behind(run_id, study) == left


def test_instance_that_was_refused_once_is_analysed_when_it_is_taken(
    shared_pipeline: Pipeline,
) -> None:
    study, files = study_of_its_own(4002)
    shared_pipeline.installation.dicomweb.store_instances(study, [other_bytes(files[0])], "a test")
    shared_pipeline.upload("again", files)
    (first,) = shared_pipeline.intake()
    shared_pipeline.wait_quiet()
    assert shared_pipeline.run(first)["archive_source"]["quarantined"] == 1
    delete_instance(shared_pipeline, files[0].content)

    shared_pipeline.upload("again", files[:1])
    (second,) = shared_pipeline.intake()
    shared_pipeline.wait_quiet()

    assert shared_pipeline.run(second)["archive_source"] == {
        "analysed": len(files),
        "skipped": 0,
        "unsupported": 0,
        "quarantined": 0,
    }


def test_earlier_version_that_runs_again_leaves_the_report_of_the_later_one(
    shared_pipeline: Pipeline,
) -> None:
    study, files = study_of_its_own(4003)
    shared_pipeline.upload("late", files[:1])
    (first,) = shared_pipeline.intake()
    shared_pipeline.run(first)
    shared_pipeline.upload("late", files[1:])
    (second,) = shared_pipeline.intake()
    shared_pipeline.wait_quiet()
    shared_pipeline.run(second)
    left = shared_pipeline.left_behind(second, study)

    again = shared_pipeline.run(first)

    assert not [result for result in again.values() if isinstance(result, Exception)]
    assert shared_pipeline.left_behind(second, study) == left


def delete_instance(pipeline: Pipeline, content: bytes) -> None:
    """Delete an instance from the DICOM store, as an administrator does by hand."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    installation = pipeline.installation
    store = installation.dataset.dicom_store(installation.settings.dicom_store)
    requests.delete(
        f"{installation.healthcare.endpoint('healthcare')}/v1/{store}/dicomWeb"
        f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}",
        timeout=10,
    ).raise_for_status()
