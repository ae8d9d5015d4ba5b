"""Listening sockets and the HTTP server behind each."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from localcloud.errors import StartError
from localcloud.http.protocol import DroppableProtocol
from localcloud.http.site import Site

_BACKLOG = 1024
_POLL_SECONDS = 0.01
# Longer than any client pool keeps an idle connection, so that the client is who closes it.
_KEEP_ALIVE_SECONDS = 600
_GRACE_SECONDS = 1


def bind(host: str, port: int, name: str) -> socket.socket:
    """Listen on a port; 0 takes any free one.

    Raises
    ------
    StartError
        When the port is taken, naming the option that changes it.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(
            f"cannot listen on {host}:{port} for {name} ({error.strerror}); "
            f"free the port or choose another with --{name}-port"
        ) from error
    return listener


class HttpListener:
    """One port served by one site, inside the running event loop."""

    def __init__(self, site: Site, listener: socket.socket) -> None:
        config = uvicorn.Config(
            site,
            http=DroppableProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="critical",
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = _Server(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once the port answers."""
        self._task = asyncio.create_task(self._server.serve([self._listener]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self) -> None:
        """Finish the calls in hand, for at most a second, and close the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._listener.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command, which stops all listeners together."""
        yield
