"""Whatever a library or a mistake of ours says, a task's log names no sender, object or URL."""

from __future__ import annotations

import logging
import traceback

import pytest
from tests.contract.conftest import RunningCloud
from tests.operators.pipeline import Pipeline
from tests.operators.test_faults import study_of_its_own

from samples import SampleFile, hostile
from wetread.core.errors import RetriableError

SECRET = "DOE_JANE"


def test_libraries_log_no_object_name(
    shared_cloud: RunningCloud,
    shared_pipeline: Pipeline,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a worker with DEBUG logging would see it, connections lost and checksums missing."""
    monkeypatch.setattr(
        "google.cloud.storage._media._helpers._parse_checksum_header", lambda *_, **__: None
    )
    google = logging.getLogger("google")
    monkeypatch.setattr(google, "propagate", True)
    caplog.set_level(logging.DEBUG)
    shared_cloud.fault("storage.objects.get", drop=True, times=1)

    shared_pipeline.process(SECRET, [SampleFile(f"{SECRET}.dcm", hostile.valid(SECRET))])

    assert caplog.records
    assert [r.name for r in caplog.records if SECRET in r.getMessage()] == []


def test_an_error_that_nobody_foresaw_loses_its_text(
    shared_pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task fails with a code, tells the kind and the place, and is tried again."""

    def choke(*_: object) -> bytes:
        raise ValueError(SECRET)

    monkeypatch.setattr("wetread.core.dicom.results.build_key_image", choke)
    _, files = study_of_its_own(5001)

    results = shared_pipeline.process("unforeseen", files)

    error = results["write_dicom_results"]
    assert isinstance(error, RetriableError)
    assert error.detail == f"ValueError in choke, line {choke.__code__.co_firstlineno + 1}."
    assert SECRET not in "".join(traceback.format_exception(error))
