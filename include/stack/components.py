"""What a stack consists of, in the order in which it starts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from stack.layout import Layout
from stack.ports import HOST, Ports

CLOUD = "local cloud"
STOP_ORDER = (
    ("scheduler",),
    ("dag-processor", "triggerer", "api-server", CLOUD),
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
        for service, number in ports.numbers().items()
        if service != "airflow"
        for argument in (f"--{service}-port", str(number))
    ]
    # Lag and refusals as on Google; only the minutes that an import takes there are spared.
    behaviour = ("--set", "operation_seconds=0")
    base = (str(layout.localcloud), "--data", str(layout.cloud), "--host", HOST)
    argv = (*base, *behaviour, *flags)
    return Component(CLOUD, argv, environment)


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
