"""A fresh installation for every test: a local cloud, set up as ``platform_setup`` does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import RunningCloud, _running
from tests.operators.pipeline import Pipeline


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningCloud]:
    with _running(tmp_path / "cloud") as running:
        endpoints = {
            "storage": running.storage,
            "healthcare": running.healthcare,
            "vision": running.vision,
            "secretmanager": running.secretmanager,
            "pubsub": f"http://{running.pubsub}",
        }
        connection = {
            "conn_type": "google_cloud_platform",
            "extra": {"project": "wetread-local", "is_anonymous": True, "endpoints": endpoints},
        }
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", '{"quiet_period_seconds": 1}')
        yield running


@pytest.fixture
def pipeline(cloud: RunningCloud) -> Pipeline:
    pipeline = Pipeline()
    platform = pipeline.installation.platform
    platform.create_topics()
    platform.create_buckets()
    platform.create_stores()
    platform.create_study_key()
    platform.validate()
    return pipeline
