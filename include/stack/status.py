"""Say what is running and healthy."""

from __future__ import annotations

import os
from dataclasses import dataclass

from stack.airflow_api import AirflowApi
from stack.components import AIRFLOW_HEALTH, CLOUD, MODEL_SERVER
from stack.credentials import USER, credentials_of
from stack.health import cloud_is_healthy, healthy_airflow, models_are_healthy
from stack.layout import Layout
from stack.ports import Ports
from stack.processes import find
from stack.record import Record, read_record


@dataclass(frozen=True)
class ComponentStatus:
    """One component's line in ``make status``."""

    name: str
    is_running: bool
    is_healthy: bool

    @property
    def word(self) -> str:
        if not self.is_running:
            return "stopped"
        return "healthy" if self.is_healthy else "not healthy"


def stack_status(layout: Layout) -> tuple[ComponentStatus, ...]:
    """Ask every component; one that is not running is not asked."""
    record = read_record(layout.record) or Record({})
    running = {row.name for row in record.processes if find(row)}
    healthy: set[str] = set()
    if record.processes:
        healthy = _healthy(layout, record.as_ports(), running)
    return tuple(
        ComponentStatus(name, name in running, name in running and name in healthy)
        for name in (CLOUD, MODEL_SERVER, *AIRFLOW_HEALTH)
    )


def _healthy(layout: Layout, ports: Ports, running: set[str]) -> set[str]:
    healthy = {CLOUD} if CLOUD in running and cloud_is_healthy(ports) else set()
    if MODEL_SERVER in running and models_are_healthy(ports):
        healthy.add(MODEL_SERVER)
    if "api-server" in running:
        healthy |= healthy_airflow(api_of(layout, ports))
    return healthy


def api_of(layout: Layout, ports: Ports) -> AirflowApi:
    """Return a client of the stack's own Airflow."""
    return AirflowApi(ports.url("airflow"), USER, credentials_of(layout).password)


def access_text(layout: Layout, ports: Ports) -> str:
    """Say where things are, how to log in, and what a client program needs to export."""
    password = credentials_of(layout).password
    return os.linesep.join(
        (
            f"Airflow         {ports.url('airflow')}   user {USER}, password {password}",
            f"Local cloud     {ports.url('storage')}/_localcloud",
            f"Model server    {ports.url('modelserver')}/health",
            "",
            "For programs that use Google's clients:",
            *(f"  export {name}={value}" for name, value in client_exports(ports).items()),
        )
    )


def client_exports(ports: Ports) -> dict[str, str]:
    """The variables that Google's client libraries read; the other APIs take an endpoint option."""
    return {
        "GOOGLE_CLOUD_PROJECT": "wetread-local",
        "STORAGE_EMULATOR_HOST": ports.url("storage"),
        "PUBSUB_EMULATOR_HOST": ports.url("pubsub").removeprefix("http://"),
        "WETREAD_HEALTHCARE_ENDPOINT": ports.url("storage"),
        "WETREAD_AIPLATFORM_ENDPOINT": ports.url("vertex"),
        "WETREAD_VISION_ENDPOINT": ports.url("vision"),
        "WETREAD_SECRETMANAGER_ENDPOINT": ports.url("secretmanager"),
    }
