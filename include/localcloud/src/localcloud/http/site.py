"""The ASGI application of one port: routing, faults, quotas, worker threads, streaming."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from concurrent.futures import Executor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from localcloud.conditions import Conditions
from localcloud.contract.discovery import Route
from localcloud.errors import GoogleError, trace_of
from localcloud.faults import Fault
from localcloud.http import batch
from localcloud.http.admin import ADMIN_PREFIX, Admin
from localcloud.http.body import Body, Disconnected, Receive, receive_body
from localcloud.http.call import Call, Query, Reply, header_value
from localcloud.http.protocol import DROP
from localcloud.http.service import HttpService

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Door = Callable[[Call], Reply]
# Runs a call that has a route: the service's own way, or with a check before it.
Handle = Callable[[HttpService, Route, Call], Reply]

_log = logging.getLogger(__name__)
_SEND_BYTES = 512 << 10


class ConnectionDropped(Exception):
    """A fault closed the connection."""


@dataclass(frozen=True)
class _Request:
    """A request before it is known which method it calls; ``path`` is percent-encoded."""

    verb: str
    path: str
    query: str
    headers: Mapping[str, str]
    payload: Body

    @classmethod
    def of(cls, scope: Scope, payload: Body) -> _Request:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        return cls(
            # Google's clients send a long GET as POST with the real verb in a header.
            str(headers.get("x-http-method-override", scope["method"])).upper(),
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            headers,
            payload,
        )

    def call(self, route: Route, base_url: str) -> Call:
        return Call(
            method=self.verb,
            params=route.params,
            query=Query.parse(self.query),
            headers=self.headers,
            payload=self.payload,
            base_url=base_url,
            method_id=route.method_id,
            path=self.path,
            media=route.media,
        )


class Site:
    """Serves one or more services on one port; the first whose contract has the path answers."""

    def __init__(
        self,
        services: Sequence[HttpService],
        conditions: Conditions,
        executor: Executor,
        base_url: str,
        admin: Admin | None = None,
        *,
        spool_folder: Path | None = None,
        handle: Handle = HttpService.handle,
        doors: Mapping[str, Door] | None = None,
    ) -> None:
        self._services = services
        self._conditions = conditions
        self._executor = executor
        self._base_url = base_url
        self._admin = admin
        self._spool_folder = spool_folder
        self._handle = handle
        self._doors = doors or {}
        self._batch_limits = {
            service.contract.batch_path: service.max_batch_calls for service in reversed(services)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI 3)."""
        try:
            payload = await receive_body(receive, self._executor, self._spool_folder)
            reply = await self._answer(scope, payload)
            await self._send(reply, scope["method"], send)
        except (ConnectionDropped, Disconnected):
            scope["extensions"][DROP]()

    async def _answer(self, scope: Scope, payload: Body) -> Reply:
        request = _Request.of(scope, payload)
        try:
            if (door := self._door(request.path)) is not None:
                # Not in the pool of workers: this door must answer while they are all busy.
                call = request.call(Route("", {}), self._base_url)
                return await asyncio.to_thread(door, call)
            if (limit := self._batch_limits.get(request.path.lstrip("/"))) is not None:
                return await self._batch(request, limit)
            return await self._dispatch(request)
        except GoogleError as error:
            return self._services[0].error_reply(error)
        except ConnectionDropped:
            raise
        except Exception as error:
            return self._services[0].error_reply(_internal(request.verb, error))

    def _door(self, path: str) -> Door | None:
        for prefix, door in self._doors.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return door
        if self._admin is not None and path.startswith(ADMIN_PREFIX):
            return self._admin.handle
        return None

    async def _batch(self, request: _Request, max_calls: int) -> Reply:
        answers = []
        content_type = request.headers.get("content-type", "")
        # Source: https://cloud.google.com/storage/docs/batch#http
        shared = {k: v for k, v in request.headers.items() if not k.startswith("content-")}
        for part in batch.parse(content_type, request.payload, max_calls):
            headers = {**shared, **part.headers}
            single = _Request(part.verb, part.path, part.query, headers, Body(part.body))
            answers.append((part.content_id, await self._dispatch(single)))
        return batch.render(answers)

    async def _dispatch(self, request: _Request) -> Reply:
        for service in self._services:
            if (route := service.route(request.verb, request.path)) is not None:
                return await self._serve(service, route, request.call(route, self._base_url))
        error = GoogleError.of(404, f"No method answers {request.verb} {request.path}.")
        return self._services[0].error_reply(error)

    async def _serve(self, service: HttpService, route: Route, call: Call) -> Reply:
        fault = self._conditions.faults.take(route.method_id)
        if refusal := self._conditions.quotas.exceeded(route.method_id):
            return service.error_reply(refusal, call)
        if latency_seconds := self._conditions.behaviour.current.latency_of(route.method_id):
            await asyncio.sleep(latency_seconds)
        if fault is None:
            return await self._run(service, route, call)
        if fault.after:
            reply = await self._run(service, route, call)
            return await _suffer(fault, service, call) or reply
        return await _suffer(fault, service, call) or await self._run(service, route, call)

    async def _run(self, service: HttpService, route: Route, call: Call) -> Reply:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, self._handle, service, route, call)
        except Exception as error:
            return service.error_reply(_internal(route.method_id, error), call)

    async def _send(self, reply: Reply, verb: str, send: Send) -> None:
        headers = [(b"content-type", header_value(reply.content_type))]
        headers += [(k.lower().encode(), header_value(v)) for k, v in reply.headers.items()]
        has_body = reply.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        given = "content-length" in map(str.lower, reply.headers)
        if isinstance(reply.body, bytes) and has_body and not given:
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if verb == "HEAD" or not has_body:
            await send({"type": "http.response.body"})
        elif isinstance(reply.body, bytes):
            await send({"type": "http.response.body", "body": reply.body})
        else:
            await self._stream(reply.body, send)

    async def _stream(self, chunks: Iterable[bytes], send: Send) -> None:
        loop = asyncio.get_running_loop()
        iterator = iter(chunks)
        while chunk := await loop.run_in_executor(self._executor, _gathered, iterator):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})


def _internal(what: str, error: Exception) -> GoogleError:
    _log.error("%s failed: %s", what, trace_of(error))
    return GoogleError.of(500, f"{what} failed: {type(error).__name__}. See the server's log.")


def _gathered(chunks: Iterator[bytes]) -> bytes:
    """Return the next chunks as one, since each costs a change of thread; empty at the end."""
    gathered: list[bytes] = []
    size = 0
    for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= _SEND_BYTES:
            break
    return gathered[0] if len(gathered) == 1 else b"".join(gathered)


async def _suffer(fault: Fault, service: HttpService, call: Call) -> Reply | None:
    if fault.drop:
        raise ConnectionDropped
    if fault.status is not None:
        message = f"Fault injected into {call.method_id} by /_localcloud/faults."
        return service.error_reply(GoogleError.of(fault.status, message), call)
    await asyncio.sleep(fault.delay_seconds)
    return None
