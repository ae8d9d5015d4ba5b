"""The servers that the Storage tests run against: the local cloud, and a peer where it can.

A test takes ``server``, ``storage_client`` or ``bucket`` and runs against both, unless it also
takes ``cloud`` or proves a rule that the peer lacks.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tests.contract.conftest import PROJECT
from tests.contract.storage import peer

OWN = "localcloud"


@dataclass(frozen=True)
class StorageServer:
    """A server of the JSON API: its name, and its base URL."""

    name: str
    url: str


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every server that keeps the rule it proves."""
    if "server" not in metafunc.fixturenames:
        return
    rules = {mark.args[0] for mark in metafunc.definition.iter_markers("rule")}
    shared = "cloud" not in metafunc.fixturenames and rules and not any(map(peer.lacks, rules))
    names = [OWN, peer.NAME] if shared else [OWN]
    metafunc.parametrize("server", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[StorageServer]:
    """The server under test."""
    if request.param == OWN:
        yield StorageServer(OWN, request.getfixturevalue("cloud").storage)
        return
    binary = peer.find_binary()
    if binary is None:
        reason = f"needs {peer.NAME}, which requirements-judges.lock installs"
        if os.environ.get("WETREAD_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with peer.start_peer(binary) as url:
        yield StorageServer(peer.NAME, url)


@pytest.fixture(scope="session")
def storage_client(server: StorageServer) -> storage.Client:
    """The official Cloud Storage client, anonymous, on the server under test."""
    return storage.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": server.url},
    )


@pytest.fixture
def bucket(storage_client: storage.Client) -> storage.Bucket:
    """A new, empty bucket."""
    return storage_client.create_bucket(f"bucket-{uuid.uuid4().hex[:12]}")
