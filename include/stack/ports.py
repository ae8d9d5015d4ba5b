"""The ports of the local stack, and whether they are free."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from stack.errors import StackError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    """One listener: what answers there, and the environment variable that moves it."""

    service: str
    title: str
    variable: str
    number: int


DEFAULTS = (
    Port("airflow", "Airflow", "WETREAD_AIRFLOW_PORT", 8080),
    Port("storage", "Storage and Healthcare", "WETREAD_STORAGE_PORT", 8600),
    Port("pubsub", "Pub/Sub", "WETREAD_PUBSUB_PORT", 8601),
    Port("modelserver", "Model server", "WETREAD_MODELSERVER_PORT", 8604),
    Port("vertex", "Vertex AI", "WETREAD_VERTEX_PORT", 8605),
    Port("vision", "Vision", "WETREAD_VISION_PORT", 8606),
    Port("secretmanager", "Secret Manager", "WETREAD_SECRETMANAGER_PORT", 8607),
)

CLOUD_SERVICES = tuple(
    row.service for row in DEFAULTS if row.service not in ("airflow", "modelserver")
)
"""What the local cloud serves."""


@dataclass(frozen=True)
class Ports:
    """Every port of one stack, and the URLs that follow from them."""

    rows: tuple[Port, ...] = DEFAULTS

    def number(self, service: str) -> int:
        return next(row.number for row in self.rows if row.service == service)

    def url(self, service: str) -> str:
        return f"http://{HOST}:{self.number(service)}"

    def numbers(self) -> dict[str, int]:
        return {row.service: row.number for row in self.rows}

    def endpoints(self) -> dict[str, str]:
        """The local cloud's base URL of each Google API, as the Airflow connection names them."""
        urls = {service: self.url(service) for service in CLOUD_SERVICES}
        urls["aiplatform"] = urls.pop("vertex")
        return {**urls, "healthcare": urls["storage"]}


def ports_from(environ: Mapping[str, str]) -> Ports:
    """Read the ports from the environment.

    Raises
    ------
    StackError
        ``port-invalid``: a value is no port, or two services share one.
    """
    rows = tuple(_moved(row, environ.get(row.variable)) for row in DEFAULTS)
    taken: dict[int, Port] = {}
    for row in rows:
        if other := taken.setdefault(row.number, row):
            if other is row:
                continue
            raise StackError(
                "port-invalid",
                f"{row.title} and {other.title} are both on port {row.number}; "
                f"set {row.variable} or {other.variable} to another.",
            )
    return Ports(rows)


def _moved(row: Port, value: str | None) -> Port:
    if not value:
        return row
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise StackError(
            "port-invalid", f"{row.variable}={value!r} is not a port; use a number up to 65535."
        )
    return Port(row.service, row.title, row.variable, int(value))


def require_free(ports: Ports) -> None:
    """Refuse to start on ports that others use.

    Raises
    ------
    StackError
        ``port-taken``: names each port, its service, who holds it and the setting that moves it.
    """
    busy = [row for row in ports.rows if not _is_free(row.number)]
    if busy:
        found = "; ".join(
            f"port {row.number} ({row.title}) is taken{_holder(row.number)}, "
            f"{row.variable}=<port> moves it"
            for row in busy
        )
        raise StackError("port-taken", f"{found}. A running stack is stopped by: make down")


def _is_free(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port in TIME_WAIT is free for a listener; the servers set the same option.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError:
            return False
    return True


def _holder(number: int) -> str:
    try:
        listeners = {
            item.pid
            for item in psutil.net_connections("tcp")
            if item.status == psutil.CONN_LISTEN and item.laddr.port == number and item.pid
        }
        names = [f"{psutil.Process(pid).name()}, process {pid}" for pid in sorted(listeners)]
    except psutil.Error:
        return ""
    return f" by {' and '.join(names)}" if names else ""
