"""The servers that are measured, each in a process and a folder of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

_REPOSITORY = Path(__file__).resolve().parents[2]
_LOCALCLOUD = _REPOSITORY / ".venvs/localcloud/bin/localcloud"
_PEERS = _REPOSITORY / ".venvs/peers"
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_PORTS = ("storage", "pubsub", "vision", "secretmanager", "vertex")


@dataclass(frozen=True)
class RunningCloud:
    """A started local cloud: its addresses by service, and its process."""

    addresses: dict[str, str]
    pid: int


@contextmanager
def local_cloud(*options: str) -> Iterator[RunningCloud]:
    """Start an empty local cloud that is never late unless ``options`` say otherwise."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ports = [f"--{name}-port=0" for name in _PORTS]
        command = [str(_LOCALCLOUD), "--data", folder, "--behaviour=swift", *ports, *options]
        with _running(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 - narrows the type
            yield RunningCloud(json.loads(process.stdout.readline()), process.pid)


@contextmanager
def fake_gcs() -> Iterator[str | None]:
    """Start fake-gcs-server on a folder and yield its address, None where it is missing."""
    binary = next(_PEERS.glob("lib/*/site-packages/fake_gcs*/**/fake-gcs-server-linux*"), None)
    if binary is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
        options += ["-backend", "filesystem", "-filesystem-root", folder, "-external-url", url]
        with _running([str(binary), *options, "-log-level", "error"]) as process:
            _wait(process, f"{url}/storage/v1/b?project=bench")
            yield url


@contextmanager
def sekmet() -> Iterator[str | None]:
    """Start sekmet-fhir and yield its FHIR base address, None where it is missing."""
    python = _PEERS / "bin/python"
    if not python.exists():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port = _free_port()
        server = Path(__file__).with_name("sekmet_server.py")
        with _running([str(python), "-P", str(server), str(port), folder]) as process:
            _wait(process, f"http://127.0.0.1:{port}/fhir/metadata")
            yield f"http://127.0.0.1:{port}/fhir"


@contextmanager
def _running(command: list[str], stdout: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(command, stdout=stdout, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(process: subprocess.Popen, url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not answer on {url}")
