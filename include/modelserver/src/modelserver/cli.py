"""The ``modelserver`` command: a custom container of Vertex AI, or a process on a laptop."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from modelserver.errors import StartError
from modelserver.journal import silence_libraries
from modelserver.memory import return_arrays_to_the_system
from modelserver.process import run
from modelserver.references.locations import authority
from modelserver.settings import MIB, STORAGE, Limits, Settings

ALLOW_HOSTS = "MODELSERVER_ALLOW_HOSTS"
STORAGE_ENDPOINT = "MODELSERVER_STORAGE_ENDPOINT"
"""Variables, because Vertex AI's containerSpec adds those to an image more easily than flags."""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    options = _parser(environ).parse_args(arguments)
    silence_libraries()
    return_arrays_to_the_system()
    try:
        return asyncio.run(run(_settings(options, environ), options.port_file))
    except StartError as error:
        sys.stderr.write(f"modelserver: {error}\n")
        return 2


def _settings(options: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    defaults = Settings()
    storage = options.storage_endpoint.rstrip("/")
    endpoint = urlsplit(storage)
    own = authority(endpoint.scheme, endpoint.hostname or "", endpoint.port)
    limits = Limits(
        request_bytes=int(options.max_request_mib * MIB),
        volumes=options.volumes,
        images=options.images,
        waiting=options.waiting,
        silence_seconds=options.store_silence_seconds,
    )
    return replace(
        defaults,
        host=options.host,
        port=options.port,
        health_route=environ.get("AIP_HEALTH_ROUTE") or defaults.health_route,
        predict_route=environ.get("AIP_PREDICT_ROUTE") or "",
        models=options.models or defaults.models,
        artifacts="" if options.models else environ.get("AIP_STORAGE_URI") or "",
        metadata_host=environ.get("GCE_METADATA_HOST") or defaults.metadata_host,
        names=tuple(options.model),
        hosts=defaults.hosts | {own} | set(options.allow_host),
        storage=storage,
        threads=options.threads,
        limits=limits,
    )


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    limits = Limits()
    parser = argparse.ArgumentParser(
        prog="modelserver",
        description="Serve imaging models as a custom container of Vertex AI. AIP_HTTP_PORT, "
        "AIP_HEALTH_ROUTE, AIP_PREDICT_ROUTE and AIP_STORAGE_URI are honoured. Prints one line of "
        "JSON with its address once it listens; the health route answers 200 once the models are "
        "loaded.",
    )
    add = parser.add_argument
    add("--host", default=Settings.host, help="address to listen on (default: this machine only)")
    add(
        "--port",
        type=_port,
        default=environ.get("AIP_HTTP_PORT") or str(Settings.port),
        help=f"default AIP_HTTP_PORT, or {Settings.port}; 0 = any free port",
    )
    add("--port-file", type=Path, help="also write the line of JSON to this file")
    add(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="holds a folder for each model (default: those of this package)",
    )
    add("--model", action="append", default=[], metavar="NAME", help="load only this; repeatable")
    add(
        "--allow-host",
        action="append",
        default=[_host(text) for text in environ.get(ALLOW_HOSTS, "").split(",") if text],
        type=_host,
        metavar="HOST:PORT",
        help="references may also point here, and their tokens go there; repeatable, or "
        f"{ALLOW_HOSTS} with commas",
    )
    add(
        "--storage-endpoint",
        default=environ.get(STORAGE_ENDPOINT) or STORAGE,
        metavar="URL",
        help=f"where gs:// references are read, or {STORAGE_ENDPOINT}; its host is allowed",
    )
    add(
        "--max-request-mib",
        type=float,
        default=limits.request_bytes / MIB,
        help="limit of a request's body (default: %(default)g, as on a dedicated endpoint)",
    )
    add("--volumes", type=_count, default=limits.volumes, help="series at a time (%(default)s)")
    add("--images", type=_count, default=limits.images, help="images at a time (%(default)s)")
    add(
        "--waiting",
        type=int,
        default=limits.waiting,
        help="requests that may wait; further ones are answered 429 (%(default)s)",
    )
    add(
        "--store-silence-seconds",
        type=float,
        default=limits.silence_seconds,
        help="how long a store may say nothing (%(default)g)",
    )
    add("--threads", type=_count, default=Settings.threads, help="of one inference (%(default)s)")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)


def _host(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is not HOST:PORT")
    return text.lower()
