"""The ``localcloud`` command."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from localcloud.auth.command import print_token
from localcloud.behaviour import BY_NAME, Behaviour, changed
from localcloud.cloud import Cloud
from localcloud.errors import GoogleError, StartError
from localcloud.settings import DEFAULT_PORTS, Settings
from localcloud.vertex.servers import checked_url


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the local cloud until SIGTERM or SIGINT; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["token"]:
        return print_token(arguments[1:])
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="localcloud: %(levelname)s %(message)s")
    try:
        behaviour = _behaviour(options)
    except GoogleError as error:
        sys.stderr.write(f"localcloud: {error.message}\n")
        return 2
    settings = Settings(
        behaviour=behaviour,
        data=options.data,
        host=options.host,
        public_host=options.public_host,
        ports={name: getattr(options, f"{name}_port") for name in DEFAULT_PORTS},
        model_servers=dict(options.model_server),
        require_token=options.require_token,
        iam=options.iam,
    )
    try:
        return _run_in_loop(settings, options.port_file)
    except StartError as error:
        sys.stderr.write(f"localcloud: {error}\n")
        return 2


def _run_in_loop(settings: Settings, port_file: Path | None) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, port_file))


async def _run(settings: Settings, port_file: Path | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with Cloud(settings) as cloud:
        line = json.dumps(cloud.endpoints())
        if port_file is not None:
            # Written beside and renamed: a reader never sees half a file.
            temporary = port_file.with_name(f"{port_file.name}.tmp")
            temporary.write_text(line + "\n")
            temporary.rename(port_file)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        await stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localcloud",
        description="Serve Google Cloud's Storage, Pub/Sub, Healthcare, Vertex AI, Vision and "
        "Secret Manager APIs on this machine. Prints one line of JSON with the addresses once all "
        "of them answer.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps the state")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--public-host", help="name clients use, where it is not --host (as in a container)"
    )
    for name, port in DEFAULT_PORTS.items():
        parser.add_argument(
            f"--{name}-port", type=_port, default=port, help=f"default {port}; 0 = any free port"
        )
    parser.add_argument(
        "--behaviour",
        choices=sorted(BY_NAME),
        default="google",
        help="google: lag, long operations and refusals as on Google Cloud (default); "
        "swift: everything at once",
    )
    parser.add_argument(
        "--set",
        metavar="NAME=JSON",
        action="append",
        default=[],
        help="change one field of the behaviour, as in --set operation_seconds=5",
    )
    parser.add_argument(
        "--model-server",
        metavar="IMAGE=URL",
        type=_model_server,
        action="append",
        default=[],
        help="Vertex AI: send predictions of models with this container image to this server",
    )
    parser.add_argument(
        "--require-token",
        action="store_true",
        help="refuse calls without a token, and calls that the caller's roles do not allow",
    )
    parser.add_argument(
        "--iam", type=Path, metavar="FILE", help="accounts and roles to make at start (TOML, JSON)"
    )
    parser.add_argument("--port-file", type=Path, help="also write the line of JSON to this file")
    return parser


def _behaviour(options: argparse.Namespace) -> Behaviour:
    behaviour = BY_NAME[options.behaviour]
    for setting in options.set:
        name, _, text = setting.partition("=")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        behaviour = changed(behaviour, {name: value})
    return behaviour


def _model_server(text: str) -> tuple[str, str]:
    image, _, url = text.rpartition("=")
    try:
        return image, checked_url(url)
    except GoogleError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give 0 to 65535")
    return int(text)
