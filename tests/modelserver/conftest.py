"""One model server and one local cloud for the tests that leave both as they are."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.contract.conftest import RunningCloud, StartCloud, start_cloud
from tests.modelserver.server import RunningServer, running_placeholders
from tests.modelserver.stores import Store, running_store

__all__ = ["start_cloud"]


@pytest.fixture(scope="session")
def cloud(
    start_cloud: StartCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningCloud]:
    """A local cloud that all tests here share."""
    with start_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """A store that misbehaves as a test tells it."""
    with running_store() as running:
        yield running


@pytest.fixture(scope="session")
def server(
    cloud: RunningCloud, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A model server with placeholders that trusts the local cloud and the store."""
    folder = tmp_path_factory.mktemp("modelserver")
    options = (
        f"--storage-endpoint={cloud.storage}",
        f"--allow-host={urlsplit(cloud.healthcare).netloc}",
        f"--allow-host={store.host}",
    )
    with running_placeholders(folder, *options) as running:
        yield running
