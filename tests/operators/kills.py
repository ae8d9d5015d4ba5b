"""A worker that dies at a chosen write: nothing it would still write leaves its transports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

import grpc
import pytest
import requests
from requests.adapters import HTTPAdapter

_RPC_WRITES = {"Publish": "publish an alert", "Acknowledge": "acknowledge"}


class Killed(BaseException):
    """The worker is dead; no handler of an error may catch it."""


@dataclass
class Worker:
    """Names and counts the writes of this process; dies at the one that ``at`` names."""

    at: str | None = None
    moment: str = "before"
    writes: list[str] = field(default_factory=list)
    dead: bool = False
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def send(self, write: str | None, call: Callable[[], Any]) -> Any:
        """Make a call; die before or after it if it is the chosen write."""
        if write is None:
            return call()
        fatal = self._count(write) == self.at
        if self.dead or (fatal and self.moment == "before"):
            self.dead = True
            raise Killed
        answer = call()
        if fatal:
            self.dead = True
            raise Killed
        return answer

    def _count(self, write: str) -> str:
        with self._lock:
            self._seen[write] += 1
            name = f"{write} {self._seen[write]}"
            self.writes.append(name)
        return name


@contextmanager
def transports_of(worker: Worker) -> Iterator[None]:
    """Let every HTTP request and every RPC of this process go through ``worker``."""
    send, open_channel = HTTPAdapter.send, grpc.insecure_channel

    def send_http(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> Any:
        return worker.send(_http_write(request), lambda: send(adapter, request, **options))

    def intercepted(target: str) -> grpc.Channel:
        return grpc.intercept_channel(open_channel(target), _Interceptor(worker))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", send_http)
        patch.setattr(grpc, "insecure_channel", intercepted)
        yield


class _Interceptor(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        def call() -> Any:
            answer = continuation(details, request)
            answer.exception()  # waits: the write has happened, or has failed
            return answer

        method = str(details.method).rpartition("/")[2]
        return self._worker.send(_RPC_WRITES.get(method), call)


def _http_write(request: requests.PreparedRequest) -> str | None:
    """Name the write that a request is, without the study; None for a read."""
    path = urlsplit(str(request.url)).path
    if request.method == "GET" or path.endswith("images:annotate"):
        return None
    if "/rewriteTo/" in path:
        return f"copy to {_role(path)}"
    if request.method == "DELETE":
        return f"remove {_role(path)}"
    if path.startswith("/upload/"):
        body = request.body if isinstance(request.body, bytes) else b""
        named = re.search(rb'"name": *"([^"]+)"', body)
        return f"write {_role(named[1].decode()) if named else '?'}"
    if "dicomWeb" in path:
        return "store"
    last = path.rpartition("/")[2].rpartition(":")[2]
    return f"create {last}" if "/fhir/" in path else last


def _role(path: str) -> str:
    """Return what an object of the buckets is for: its prefix, or the record that it is."""
    name = unquote(path.rpartition("/o/")[2])
    parts = name.split("/")
    if name.endswith(("/_COMPLETE", ".reason.json")):
        return "marker" if name.endswith("_COMPLETE") else "reason"
    if parts[0] != "studies":
        return parts[0]
    return parts[2] if parts[2] == "findings" else parts[3].removesuffix(".json")
