"""Installations for tests: a local cloud, set up as ``platform_setup`` does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.contract.conftest import RunningCloud, StartCloud, start_cloud
from tests.operators.pipeline import Pipeline

__all__ = ["start_cloud"]


@contextmanager
def connected(cloud: RunningCloud) -> Iterator[Pipeline]:
    """Point the Google connection at a local cloud."""
    endpoints = {
        "storage": cloud.storage,
        "healthcare": cloud.healthcare,
        "aiplatform": cloud.vertex,
        "vision": cloud.vision,
        "secretmanager": cloud.secretmanager,
        "pubsub": f"http://{cloud.pubsub}",
    }
    connection = {
        "conn_type": "google_cloud_platform",
        "extra": {"project": "wetread-local", "is_anonymous": True, "endpoints": endpoints},
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", '{"quiet_period_seconds": 1}')
        yield Pipeline()


@pytest.fixture
def bare_cloud(start_cloud: StartCloud, tmp_path: Path) -> Iterator[RunningCloud]:
    """A local cloud in which nothing has been created."""
    with start_cloud(tmp_path / "cloud") as running:
        yield running


@pytest.fixture
def pipeline(bare_cloud: RunningCloud) -> Iterator[Pipeline]:
    """An installation of its own for one test."""
    with connected(bare_cloud) as pipeline:
        pipeline.set_up()
        yield pipeline


@pytest.fixture(scope="module")
def shared_cloud(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningCloud]:
    with start_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def shared_pipeline(shared_cloud: RunningCloud) -> Iterator[Pipeline]:
    """One installation for the tests of a module, which use studies of their own."""
    with connected(shared_cloud) as pipeline:
        pipeline.set_up()
        yield pipeline


@pytest.fixture
def quick_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for messages: what a test is about lies in the bucket."""
    monkeypatch.setattr("wetread.operators.study_claim._PULL_SECONDS", 0.1)
