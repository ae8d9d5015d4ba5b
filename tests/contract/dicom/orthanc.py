"""Debian's Orthanc as a peer: an independent DICOMweb server, started for a test and stopped."""

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

COMMAND = "Orthanc"
_PLUGINS = Path("/usr/share/orthanc/plugins")
_PLUGIN_NAMES = ("libOrthancDicomWeb.so", "libOrthancGdcm.so")
_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc: ``url`` is the root of DICOMweb, ``rest_url`` of its own API."""

    url: str
    rest_url: str
    process: subprocess.Popen[bytes]


@contextmanager
def start_orthanc() -> Iterator[Orthanc]:
    """Run an empty Orthanc on a free port, without DICOM networking.

    Debian's version cannot be bound to one address; it refuses callers from other machines.
    Source: https://orthanc.uclouvain.be/book/users/configuration.html and
    https://orthanc.uclouvain.be/book/plugins/dicomweb.html

    Raises
    ------
    FileNotFoundError
        When the command ``Orthanc`` is missing; mark a test ``needs("Orthanc")``.
    RuntimeError
        When it ends instead of answering.
    """
    with tempfile.TemporaryDirectory(prefix="orthanc-") as folder:
        port = _free_port()
        settings = Path(folder, "orthanc.json")
        settings.write_text(json.dumps(_settings(Path(folder), port)))
        process = subprocess.Popen(
            [COMMAND, str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            rest_url = f"http://127.0.0.1:{port}"
            _wait_until_it_answers(process, rest_url)
            yield Orthanc(f"{rest_url}/dicom-web", rest_url, process)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _settings(folder: Path, port: int) -> dict[str, object]:
    return {
        "StorageDirectory": str(folder / "files"),
        "IndexDirectory": str(folder / "index"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "OverwriteInstances": False,
        "Plugins": [str(_PLUGINS / name) for name in _PLUGIN_NAMES],
        "DicomWeb": {
            "Enable": True,
            "Root": "/dicom-web/",
            "Ssl": False,
            # URLs in answers are made of this: dicomweb-client's Host header has no port.
            "Host": f"127.0.0.1:{port}",
            "QidoCaseSensitive": True,
            "StudiesMetadata": "Full",
            "SeriesMetadata": "Full",
        },
        "Gdcm": {"Enable": True},
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_it_answers(process: subprocess.Popen[bytes], rest_url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{rest_url}/system", timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise RuntimeError(f"Orthanc does not answer on {rest_url}; its exit code: {process.poll()}")
