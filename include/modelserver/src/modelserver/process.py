"""The server's life: listen, load, serve, finish what is in hand, stop."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn

from modelserver.app import ModelServer
from modelserver.artifacts import download_models
from modelserver.errors import StartError
from modelserver.journal import journal
from modelserver.registry import Model, load_models
from modelserver.settings import Settings

_BACKLOG = 128
_KEEP_ALIVE_SECONDS = 600
"""Longer than Vertex AI's proxies keep an idle connection, so that they are who closes it."""

_GRACE_SECONDS = 25
"""Vertex AI kills a container half a minute after it asked it to stop."""


async def run(settings: Settings, port_file: Path | None) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    StartError
        The port is taken, or a model cannot be loaded.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    listener = _listen(settings)
    server = ModelServer(settings)
    uvicorn_server = _Server(_config(server))
    serving = asyncio.create_task(uvicorn_server.serve([listener]))
    try:
        _announce(settings.host, listener, port_file)
        loading = asyncio.create_task(_load(settings, server))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            loading.result()
        await stopping
    finally:
        uvicorn_server.should_exit = True
        await serving
        server.close()
        journal("stopped")
    return 0


async def _load(settings: Settings, server: ModelServer) -> None:
    models = await asyncio.to_thread(_models, settings)
    server.serve(models)
    journal("ready", models=len(models))


def _models(settings: Settings) -> Mapping[str, Model]:
    """Load the models from disk, or from where Vertex AI says; the copy is not needed after."""
    if not settings.artifacts:
        return load_models(settings.models, settings.names, settings.threads)
    with TemporaryDirectory() as folder:
        artifacts = settings.artifacts, settings.storage, settings.metadata_host
        models = download_models(*artifacts, Path(folder))
        return load_models(models, settings.names, settings.threads)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "free the port or choose another with --port."
        ) from None
    return listener


def _announce(host: str, listener: socket.socket, port_file: Path | None) -> None:
    name = f"[{host}]" if ":" in host else host
    line = json.dumps({"url": f"http://{name}:{listener.getsockname()[1]}"})
    if port_file is not None:
        # Written beside and renamed: a reader never sees half a file.
        temporary = port_file.with_name(f"{port_file.name}.tmp")
        temporary.write_text(line + "\n", "utf-8")
        temporary.rename(port_file)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _config(server: ModelServer) -> uvicorn.Config:
    return uvicorn.Config(
        server.app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command, which also waits for the models."""
        yield
