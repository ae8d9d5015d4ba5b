"""A real local cloud in a process of its own, and the doors the contract tests use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

PROJECT = "contract-tests"
_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 30.0
_LISTENERS = ("storage", "pubsub", "vertex", "vision", "secretmanager")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RunningCloud:
    """A started local cloud: base URLs, Pub/Sub as ``host:port``, its data folder and process."""

    storage: str
    healthcare: str
    vertex: str
    vision: str
    secretmanager: str
    pubsub: str
    data: Path
    process: subprocess.Popen[str]

    def admin(self, verb: str, path: str, body: object = None) -> Any:
        """Call ``/_localcloud/<path>`` and return the decoded answer."""
        request = urllib.request.Request(  # noqa: S310 - the URL is the fixture's own
            f"{self.storage}/_localcloud/{path}",
            method=verb,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def fault(self, method: str, **effect: Any) -> None:
        """Make the next call of a method fail: ``status=503``, ``drop=True``, ``times=2`` ..."""
        self.admin("POST", "faults", {"method": method, **effect})

    def calls(self, method_id: str) -> int:
        """Return how often a method was called."""
        return int(self.admin("GET", "calls").get(method_id, 0))


StartCloud = Callable[..., AbstractContextManager[RunningCloud]]


def localcloud_command() -> str:
    """Return the installed command: the project's own environment first, then the PATH."""
    own = _ROOT / ".venvs/localcloud/bin/localcloud"
    found = str(own) if own.exists() else shutil.which("localcloud")
    if found is None:
        pytest.fail("localcloud is not installed; run `make setup`")
    return found


@contextmanager
def _running(data: Path, *options: str) -> Iterator[RunningCloud]:
    ports = [f"--{name}-port=0" for name in _LISTENERS]
    process = subprocess.Popen(
        [localcloud_command(), "--data", str(data), "--behaviour=swift", *ports, *options],
        stdout=subprocess.PIPE,
        stderr=sys.stderr.fileno(),
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"localcloud ended with {process.wait(_START_TIMEOUT_SECONDS)}"
        yield RunningCloud(**json.loads(line), data=data, process=process)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def start_cloud() -> StartCloud:
    """Start a further local cloud on a data folder, for tests that stop or kill it."""
    return _running


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """The local cloud that all contract tests share; use names of your own in it."""
    with _running(tmp_path_factory.mktemp("localcloud")) as running:
        yield running


@pytest.fixture(scope="session")
def storage_client(cloud: RunningCloud) -> storage.Client:
    """The official Cloud Storage client, anonymous, on the shared cloud."""
    return storage.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.storage},
    )


@pytest.fixture
def bucket(storage_client: storage.Client) -> storage.Bucket:
    """A new, empty bucket."""
    return storage_client.create_bucket(f"bucket-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def no_faults(cloud: RunningCloud) -> Iterator[RunningCloud]:
    """The shared cloud, left without faults whatever the test did."""
    yield cloud
    cloud.admin("DELETE", "faults")
