"""Speaks to model servers as Vertex AI does to custom containers.

Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from localcloud.bodies import whole
from localcloud.errors import GoogleError
from localcloud.vertex.limits import Limits
from localcloud.vertex.names import precondition

_HEALTH_TIMEOUT_SECONDS = 10.0
_HEALTH_PAUSE_SECONDS = 0.25
_CHUNK_BYTES = 1 << 16
_DEFAULT_PORT = 8080


@dataclass(frozen=True)
class Container:
    """Where a deployed model's server listens and which routes it has."""

    host: str
    port: int
    predict_route: str
    health_route: str

    @classmethod
    def of(cls, url: str, spec: Mapping[str, Any], endpoint_id: str, model_id: str) -> Container:
        """Combine a registered URL with a model's containerSpec; Google's defaults fill gaps."""
        parts = urlsplit(url)
        ports = spec.get("ports") or [{}]
        default = f"/v1/endpoints/{endpoint_id}/deployedModels/{model_id}"
        return cls(
            parts.hostname or "127.0.0.1",
            parts.port or whole(ports[0].get("containerPort", _DEFAULT_PORT), "container_port"),
            spec.get("predictRoute") or f"{default}:predict",
            spec.get("healthRoute") or default,
        )


@dataclass(frozen=True)
class Answer:
    """What a model server answered."""

    status: int
    content_type: str
    body: bytes


class Containers:
    """Calls of model servers; ``close`` ends those that are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()
        self._closed = threading.Event()

    def close(self) -> None:
        """End every call, so that no thread outlives the server by a model's hour."""
        self._closed.set()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    def predict(
        self, container: Container, body: bytes, content_type: str, limits: Limits
    ) -> Answer:
        """Post a request to the predict route.

        Raises
        ------
        GoogleError
            503 when the server cannot be reached or breaks off, 504 when it takes longer than the
            endpoint's timeout, 400 when it answers more than the endpoint's limit.
        """
        headers = {"Content-Type": content_type}
        route = container.predict_route
        return self._call(container, ("POST", route, body, headers), limits)

    def is_healthy(self, container: Container) -> bool:
        """Return whether the health route answers 200 within ten seconds."""
        limits = Limits(_CHUNK_BYTES, _HEALTH_TIMEOUT_SECONDS)
        try:
            return (
                self._call(container, ("GET", container.health_route, b"", {}), limits).status
                == 200
            )
        except GoogleError as error:
            # Vertex AI ignores what the answer says, so it may say much.
            return error.status == "FAILED_PRECONDITION"

    def wait_until_healthy(self, container: Container, timeout_seconds: float) -> bool:
        """Return whether the server gets ready in time."""
        deadline = time.monotonic() + timeout_seconds
        while not self.is_healthy(container):
            if time.monotonic() > deadline or self._closed.wait(_HEALTH_PAUSE_SECONDS):
                return False
        return True

    def _call(
        self, container: Container, request: tuple[str, str, bytes, dict[str, str]], limits: Limits
    ) -> Answer:
        deadline = time.monotonic() + limits.timeout_seconds
        connection = http.client.HTTPConnection(
            container.host, container.port, timeout=limits.timeout_seconds
        )
        with self._lock:
            self._open.add(connection)
        try:
            connection.request(*request)
            # The connection forgets its socket once it knows that no further request can follow.
            line = connection.sock
            line.settimeout(_left_seconds(deadline))
            response = connection.getresponse()
            body = _read(line, response, deadline, limits.payload_bytes)
            content_type = response.headers.get("content-type", "application/json")
            return Answer(response.status, content_type, body)
        except TimeoutError:
            message = f"The model server did not answer in {limits.timeout_seconds:g} seconds."
            raise GoogleError.of(504, message) from None
        except (OSError, http.client.HTTPException) as error:
            raise GoogleError.of(
                503,
                f"The model server at {container.host}:{container.port} failed "
                f"({type(error).__name__}); start it, then try again.",
            ) from None
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def _read(
    line: socket.socket, response: http.client.HTTPResponse, deadline: float, limit_bytes: int
) -> bytes:
    body = bytearray()
    while True:
        line.settimeout(_left_seconds(deadline))
        chunk = response.read1(_CHUNK_BYTES)
        if not chunk:
            break
        body += chunk
        if len(body) > limit_bytes:
            raise precondition(
                f"Response size too large. Received at least {len(body)} bytes; "
                f"max is {limit_bytes}."
            )
    if response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return bytes(body)


def _left_seconds(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _hang_up(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # It was never connected, or is closed already.
