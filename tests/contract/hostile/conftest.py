"""A cloud of these tests alone, and what has to hold after each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.conftest import StartCloud
from tests.contract.hostile.server import HEALTH_SECONDS, PEAK_BYTES, Server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, start_cloud: StartCloud) -> Iterator[Server]:
    """A local cloud with one object, one instance and one resource that nobody touches."""
    with start_cloud(tmp_path_factory.mktemp("hostile")) as cloud:
        yield Server.prepared(cloud)


@pytest.fixture(autouse=True)
def unharmed(server: Server) -> Iterator[None]:
    """Whatever a test did: the server answers at once, has all data, and took little memory."""
    server.forget_peak()
    yield
    assert server.cloud.process.poll() is None, "the server is dead"
    assert server.health_seconds() < HEALTH_SECONDS
    assert server.peak_bytes() < PEAK_BYTES
    server.check_canaries()
