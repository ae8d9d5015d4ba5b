"""A local cloud with one model server, for the tests of Vertex AI's client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.conftest import StartCloud, start_cloud
from tests.contract.model_server import ModelServer, count_instances, running_model_server
from tests.gcp.vertex_installation import IMAGE, Installation

__all__ = ["start_cloud"]


@pytest.fixture(scope="module")
def installation(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One local cloud for the tests of a module, which use endpoints of their own."""
    with running_model_server() as server:
        given = f"--model-server={IMAGE}={server.url}"
        with start_cloud(tmp_path_factory.mktemp("cloud"), given) as cloud:
            yield Installation(cloud, server)


@pytest.fixture
def server(installation: Installation) -> Iterator[ModelServer]:
    """The model server, which counts instances again after the test."""
    installation.server.received.clear()
    yield installation.server
    installation.server.answer = count_instances
    installation.cloud.admin("DELETE", "faults")
