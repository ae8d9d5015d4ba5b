"""A DICOM store that misbehaves as told, and what it was asked; and how to fill a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from tests.contract.conftest import RunningCloud

BOUNDARY = "the-boundary"
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
DATASET = "projects/wetread-local/locations/us-central1/datasets/imaging"
_SECONDS = 30.0


@dataclass
class Store:
    """Answers every GET with ``answer``; ``asked`` holds path and token of each."""

    url: str = ""
    answer: Callable[[Any], None] = lambda _: None
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def series(self, path: str = "studies/1.2/series/1.2.3") -> dict[str, str]:
        """Return an instance that refers to a series here."""
        return {"dicomweb_uri": f"{self.url}/dicomWeb/{path}", "bearer_token": "secret-token"}


@contextmanager
def running_store() -> Iterator[Store]:
    """Run a store while the block lasts."""
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            store.asked.append((self.path, self.headers.get("Authorization")))
            store.answer(self)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def multipart(files: Sequence[bytes]) -> bytes:
    head = b"Content-Type: application/dicom\r\n\r\n"
    rows = [f"--{BOUNDARY}\r\n".encode() + head + blob + b"\r\n" for blob in files]
    return b"".join([*rows, f"--{BOUNDARY}--\r\n".encode()])


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[Any], None]:
    """Return an answer of a store."""

    def answer(handler: Any) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def sends(files: Sequence[bytes]) -> Callable[[Any], None]:
    """Return the answer of a store that holds a series."""
    return says(200, multipart(files), Content_Type=MULTIPART)


def fill(cloud: RunningCloud, files: Sequence[bytes]) -> str:
    """Store files in a local cloud and return its DICOMweb base URL."""
    base = f"{cloud.healthcare}/v1/{DATASET.rpartition('/datasets/')[0]}/datasets"
    requests.post(base, params={"datasetId": "imaging"}, json={}, timeout=_SECONDS)
    stores = f"{base}/imaging/dicomStores"
    requests.post(stores, params={"dicomStoreId": "studies"}, json={}, timeout=_SECONDS)
    web = f"{stores}/studies/dicomWeb"
    answer = requests.post(
        f"{web}/studies", data=multipart(files), headers={"Content-Type": MULTIPART}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return web
