"""Installations whose models answer: a real model server, or one that a test tells what to say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.model_server import ModelServer, running_model_server
from tests.modelserver.server import RunningServer, running
from tests.operators.conftest import connected
from tests.operators.pipeline import CONNECTION, Pipeline

from wetread.hooks.model_deployment import deploy_models

IMAGE = "us-central1-docker.pkg.dev/wetread-local/wetread/modelserver:0.1.0"
MODES = {
    "phantom-nodule": {"mode": "live"},
    "phantom-pneumothorax": {"mode": "live"},
    "burned-in-text": {"mode": "shadow"},
}
"""The modes of the local stack, so that the demo's studies and these tests agree."""


def settings_with(analyses: dict[str, Any], **settings: Any) -> str:
    """Return the variable ``wetread_settings`` of an installation with these rows changed."""
    known = {"quiet_period_seconds": 1, "model_image": IMAGE, "analyses": analyses}
    return json.dumps({**known, **settings})


@contextmanager
def serving(cloud: RunningCloud, folder: Path) -> Iterator[RunningServer]:
    """Run the model server that ships, registered for its image, while the block lasts."""
    options = (
        f"--storage-endpoint={cloud.storage}",
        f"--allow-host={urlsplit(cloud.healthcare).netloc}",
    )
    with running(folder, *options) as server:
        cloud.admin("PUT", "model-servers", {"image": IMAGE, "url": server.url})
        yield server


@contextmanager
def answering(
    start_cloud: StartCloud, folder: Path, image: str
) -> Iterator[tuple[RunningCloud, ModelServer, Pipeline]]:
    """Set up an installation whose models answer what a test tells them; none is deployed yet."""
    with (
        start_cloud(folder) as cloud,
        running_model_server() as server,
        connected(cloud) as pipeline,
    ):
        cloud.admin("PUT", "model-servers", {"image": image, "url": server.url})
        pipeline.set_up()
        yield cloud, server, pipeline


@contextmanager
def installed(
    cloud: RunningCloud, folder: Path, analyses: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Pipeline]:
    """Set up an installation with its models deployed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        serving(cloud, folder),
        connected(cloud) as pipeline,
        pytest.MonkeyPatch.context() as environment,
    ):
        variable = settings_with(MODES if analyses is None else analyses, **settings)
        environment.setenv("AIRFLOW_VAR_WETREAD_SETTINGS", variable)
        pipeline.set_up()
        deploy_models(CONNECTION)
        yield pipeline
