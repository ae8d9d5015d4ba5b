"""A real Airflow and a real local cloud, on ports and with state of their own."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from stack.airflow_api import AirflowApi
from stack.demo.client import DemoCloud
from stack.demo.run import run_demo
from stack.layout import Layout
from stack.ports import DEFAULTS, Ports
from stack.provision import provision
from stack.settings import read_settings
from stack.shutdown import stop_stack
from stack.startup import running_watch, start_stack


@dataclass
class Demo:
    """One run of ``make demo``: its exit code, its result and the state it left."""

    exit_code: int
    layout: Layout
    ports: Ports
    result: dict[str, Any]
    output: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunningStack:
    """What ``make up`` leaves running."""

    api: AirflowApi
    cloud: DemoCloud
    layout: Layout
    ports: Ports


def free_ports() -> Ports:
    """Return a port for every service that nobody listens on now."""
    with ExitStack() as sockets:
        rows = []
        for row in DEFAULTS:
            taken = sockets.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            rows.append(replace(row, number=taken.getsockname()[1]))
        return Ports(tuple(rows))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    layout, ports, output = Layout(folder / "state"), free_ports(), []
    layout.state.mkdir()
    result = folder / "demo.json"
    exit_code = run_demo(layout, ports, result, output.append)
    return Demo(exit_code, layout, ports, json.loads(result.read_text()), output)


@pytest.fixture(scope="session")
def stack(demo: Demo) -> Iterator[RunningStack]:
    """The demo's stack started again on the state that it left, as after a restart."""
    try:
        api = start_stack(demo.layout, demo.ports, print)
        settings = read_settings(demo.layout.settings).with_endpoints(demo.ports.endpoints())
        provision(settings, api, running_watch(demo.layout), print)
        yield RunningStack(api, DemoCloud(demo.ports), demo.layout, demo.ports)
    finally:
        stop_stack(demo.layout, print)
