"""The attacked server: raw connections to it, its memory, and data that must stay as they are."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from tests.contract.conftest import RunningCloud
from tests.contract.dicom.files import ct_slice, encoded
from tests.contract.dicom.stores import DicomStore, path_of
from tests.contract.fhir.fhir_client import FhirClient, patient

BUCKET = "hostile-tests"
PEAK_BYTES = 1 << 30
HEALTH_SECONDS = 10.0
_CANARY = b"still here"
_WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Server:
    """One running cloud with a bucket, a DICOM store and a FHIR store."""

    cloud: RunningCloud
    dicom: DicomStore
    fhir: FhirClient
    instance: Dataset
    patient_id: str

    @classmethod
    def prepared(cls, cloud: RunningCloud) -> Server:
        """Store one canary of each kind."""
        url = f"{cloud.storage}/storage/v1/b?project=hostile"
        requests.post(url, json={"name": BUCKET}, timeout=10).raise_for_status()
        dicom = DicomStore.create(cloud.healthcare)
        fhir = FhirClient.of_new_store(cloud.healthcare, enableUpdateCreate=True)
        instance = ct_slice(generate_uid(), generate_uid())
        dicom.put(instance)
        created = fhir.create(patient("canary"))
        server = cls(cloud, dicom, fhir, instance, created.body["id"])
        assert server.upload("canary", _CANARY).ok
        return server

    def upload(self, name: str, content: bytes, **query: str) -> requests.Response:
        """Store an object in one request."""
        return requests.post(
            f"{self.cloud.storage}/upload/storage/v1/b/{BUCKET}/o",
            params={"uploadType": "media", "name": name, **query},
            data=content,
            timeout=60,
        )

    def object_url(self, name: str) -> str:
        return f"{self.cloud.storage}/storage/v1/b/{BUCKET}/o/{name}"

    def raw(self, request: bytes, service: str = "storage") -> bytes:
        """Send bytes, end the sending side and return what comes back until the server closes."""
        with self.connect(service) as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(1 << 16), b""))
            except (ConnectionResetError, BrokenPipeError):
                return b""

    def connect(self, service: str = "storage") -> socket.socket:
        """Open a connection to a service; reading from it gives up after a while."""
        url = urlsplit(getattr(self.cloud, service))
        return socket.create_connection((url.hostname, url.port), timeout=_WAIT_SECONDS)

    def health_seconds(self) -> float:
        """Return how long the server takes to say that it lives."""
        begin = time.monotonic()
        assert self.cloud.admin("GET", "health") == {"status": "ok"}
        return time.monotonic() - begin

    def forget_peak(self) -> None:
        """Begin a new measurement of the memory peak.

        Source: https://docs.kernel.org/filesystems/proc.html, clear_refs
        """
        self._proc("clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        """Return the largest resident set since the measurement began."""
        status = self._proc("status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) << 10

    def check_canaries(self) -> None:
        """Read what was stored before anything hostile came."""
        content = requests.get(self.object_url("canary"), params={"alt": "media"}, timeout=10)
        assert content.content == _CANARY
        accept = "application/dicom; transfer-syntax=*"
        assert self.dicom.get(path_of(self.instance), accept).content == encoded(self.instance)
        assert self.fhir.read(f"Patient/{self.patient_id}").status == 200

    def _proc(self, name: str) -> Path:
        return Path(f"/proc/{self.cloud.process.pid}/{name}")


def upload_head(name: str, **headers: Any) -> bytes:
    """Return the head of a raw upload request; underscores in names become hyphens."""
    lines = [
        f"POST /upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name} HTTP/1.1",
        "Host: local",
        *(f"{key.replace('_', '-')}: {value}" for key, value in headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode()
