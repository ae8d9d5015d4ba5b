"""Whatever a library or a mistake of ours says, a task's log names no sender, object or URL."""

from __future__ import annotations

import logging

import pytest
from tests.contract.conftest import RunningCloud
from tests.operators.pipeline import Pipeline

from samples import SampleFile, hostile

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
