"""A model server as a custom container of Vertex AI is one: a health and a predict route.

Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Received:
    """One request that the server got."""

    verb: str
    path: str
    content_type: str
    body: bytes


def count_instances(request: Received) -> Answer:
    """Predict the number of instances, and repeat the parameters."""
    asked = json.loads(request.body)
    prediction = {"count": len(asked["instances"]), "parameters": asked.get("parameters")}
    return 200, json.dumps({"predictions": [prediction]}).encode()


@dataclass
class ModelServer:
    """A server on a port of its own; set ``answer`` and ``health`` to make it behave."""

    url: str = ""
    answer: Callable[[Received], Answer] = count_instances
    health: int = 200
    received: list[Received] = field(default_factory=list)

    def says(self, status: int, body: object) -> None:
        """Answer every prediction with this; anything but bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = lambda _: (status, content)

    def predictions(self) -> list[Received]:
        """Return the requests for predictions, without the health checks."""
        return [request for request in self.received if request.verb == "POST"]


@contextmanager
def running_model_server() -> Iterator[ModelServer]:
    """Run a model server while the block lasts."""
    server = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._note()
            self._reply(server.health, b"")

        def do_POST(self) -> None:
            self._reply(*server.answer(self._note()))

        def _note(self) -> Received:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kind = self.headers.get("content-type", "")
            server.received.append(Received(self.command, self.path, kind, body))
            return server.received[-1]

        def _reply(self, status: int, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
