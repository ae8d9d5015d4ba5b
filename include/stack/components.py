"""What a stack consists of, in the order in which it starts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from stack.layout import Layout
from stack.ports import CLOUD_SERVICES, HOST, Ports

CLOUD = "local cloud"
MODEL_SERVER = "model server"
MODEL_IMAGE = "us-central1-docker.pkg.dev/wetread-local/wetread/modelserver"
"""The container image for which the model server stands in, whatever its tag."""

STOP_ORDER = (
    ("scheduler",),
    ("dag-processor", "triggerer", "api-server", CLOUD, MODEL_SERVER),
)
"""The scheduler first, so that no task starts; its tasks report to the api-server to the end. The
others may go together."""

AIRFLOW_HEALTH = {
    "api-server": "metadatabase",
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}
"""Each component's name in the answer of /api/v2/monitor/health."""


@dataclass(frozen=True)
class Component:
    """One process to start."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]


def cloud_component(layout: Layout, ports: Ports, environment: Mapping[str, str]) -> Component:
    """Return the local cloud's command."""
    flags = [
        argument
        for service in CLOUD_SERVICES
        for argument in (f"--{service}-port", str(ports.number(service)))
    ]
    # Lag and refusals as on Google; only the minutes that an import takes there are spared.
    behaviour = ("--set", "operation_seconds=0")
    base = (str(layout.localcloud), "--data", str(layout.cloud), "--host", HOST)
    models = ("--model-server", f"{MODEL_IMAGE}={ports.url('modelserver')}")
    argv = (*base, *behaviour, *models, *flags)
    return Component(CLOUD, argv, environment)


def model_component(layout: Layout, ports: Ports, environment: Mapping[str, str]) -> Component:
    """Return the model server's command; it reads series and objects of the local cloud."""
    storage = ports.url("storage")
    argv = (
        *(str(layout.modelserver), "--host", HOST, "--port", str(ports.number("modelserver"))),
        *("--storage-endpoint", storage, "--allow-host", storage.removeprefix("http://")),
    )
    return Component(MODEL_SERVER, argv, environment)


def airflow_command(*arguments: str) -> tuple[str, ...]:
    """Return a command of the Airflow in this interpreter's environment."""
    return (sys.executable, "-m", "airflow", *arguments)


def airflow_components(ports: Ports, environment: Mapping[str, str]) -> tuple[Component, ...]:
    """Return Airflow's four processes; the log servers of two of them would listen on 0.0.0.0."""
    arguments = {
        "api-server": ("--host", HOST, "--port", str(ports.number("airflow"))),
        "scheduler": ("--skip-serve-logs",),
        "dag-processor": (),
        "triggerer": ("--skip-serve-logs",),
    }
    return tuple(
        Component(name, airflow_command(name, *flags), environment)
        for name, flags in arguments.items()
    )
