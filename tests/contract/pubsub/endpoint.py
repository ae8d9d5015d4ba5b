"""A push endpoint: a real HTTP server on this machine that keeps what it was sent."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def envelope(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.envelope["message"]["data"])


@dataclass
class Endpoint:
    """Answers each request with what `answer` says; by default 204."""

    answer: Callable[[Received], int] = lambda _: 204
    url: str = ""
    requests: list[Received] = field(default_factory=list)
    most_at_once: int = 0

    def data(self) -> list[bytes]:
        return [each.data for each in list(self.requests)]


class _Server(ThreadingHTTPServer):
    # The base class refuses a sixth connection that waits.
    request_queue_size = 128


@contextmanager
def endpoint(answer: Callable[[Received], int] = lambda _: 204) -> Iterator[Endpoint]:
    """Run an endpoint for the length of the block."""
    state = Endpoint(answer)
    lock = threading.Lock()
    open_requests = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal open_requests
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received = Received(self.path, dict(self.headers), body, time.monotonic())
            with lock:
                open_requests += 1
                state.most_at_once = max(state.most_at_once, open_requests)
                state.requests.append(received)
            status = state.answer(received)
            with lock:
                open_requests -= 1
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/push"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
