"""Start a stack and bring it to where studies can be sent."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from stack.airflow_api import AirflowApi
from stack.components import (
    AIRFLOW_HEALTH,
    CLOUD,
    MODEL_SERVER,
    Component,
    airflow_command,
    airflow_components,
    cloud_component,
    model_component,
)
from stack.credentials import USER, credentials_of
from stack.environment import airflow_environment, base_environment
from stack.errors import StackError
from stack.health import cloud_is_healthy, healthy_airflow, models_are_healthy
from stack.layout import Layout
from stack.ports import Ports, require_free
from stack.processes import start
from stack.record import Record, read_record, write_record
from stack.waiting import Watch, log_path, wait_until

SERVER_SECONDS = 90.0
MIGRATION_SECONDS = 300.0
AIRFLOW_SECONDS = 300.0
"""A first start compiles nothing (the environment is installed compiled) yet takes 16 s on two
cores; the rest is for machines that are busy."""

Say = Callable[[str], None]


@dataclass
class Starter:
    """Starts components one by one and knows what runs, so that a failure can be undone."""

    layout: Layout
    ports: Ports
    say: Say
    record: Record

    def start(self, component: Component) -> None:
        """Start a component and write it down before anything else happens."""
        log = log_path(self.layout.logs, component.name)
        started = start(component.name, component.argv, component.environment, log)
        self.record = self.record.with_process(started)
        write_record(self.layout.record, self.record)

    @property
    def watch(self) -> Watch:
        return Watch(self.record.processes, self.layout.logs)


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Let one command at a time change a stack.

    Raises
    ------
    StackError
        ``stack-busy``: another command is at it.
    """
    layout.state.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                "stack-busy", "another command is starting or stopping this stack; wait for it."
            ) from None
        yield


def start_stack(layout: Layout, ports: Ports, say: Say) -> AirflowApi:
    """Start everything and return when every component is healthy.

    Raises
    ------
    StackError
        A port is taken, a program is missing, or a component ended or stayed unhealthy. What was
        started keeps running; the caller stops it.
    """
    for name, program in ((CLOUD, layout.localcloud), (MODEL_SERVER, layout.modelserver)):
        if not program.exists():
            raise StackError("not-installed", f"the {name} is not installed; run: make install")
    require_free(ports)
    for folder in (layout.airflow_home, layout.cloud, layout.logs):
        folder.mkdir(parents=True, exist_ok=True)
    credentials = credentials_of(layout)
    environment = airflow_environment(layout, ports, credentials, os.environ)
    starter = Starter(layout, ports, say, Record(ports.numbers()))

    plain = base_environment(layout, os.environ)
    starter.start(cloud_component(layout, ports, plain))
    starter.start(model_component(layout, ports, plain))
    _migrate(layout, environment, say)
    _wait_for(starter, CLOUD, cloud_is_healthy)
    _wait_for(starter, MODEL_SERVER, models_are_healthy)
    begun = time.time()
    for component in airflow_components(ports, environment):
        starter.start(component)
    api = AirflowApi(ports.url("airflow"), USER, credentials.password)
    _wait_for_airflow(starter, api, begun)
    return api


def running_watch(layout: Layout) -> Watch:
    """Return a watch over what the record says was started."""
    record = read_record(layout.record)
    return Watch(record.processes if record else (), layout.logs)


def _migrate(layout: Layout, environment: dict[str, str], say: Say) -> None:
    """Bring Airflow's database to this version; once done it is not asked again (6 s)."""
    done = layout.airflow_home / "migrated"
    current = version("apache-airflow")
    if done.exists() and done.read_text("utf-8") == current:
        return
    begun = time.monotonic()
    log = log_path(layout.logs, "migration")
    with log.open("wb") as output:
        try:
            code = subprocess.run(
                airflow_command("db", "migrate"),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=MIGRATION_SECONDS,
                check=False,
                start_new_session=True,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    if code != 0:
        tail = Watch((), layout.logs).tail("migration")
        raise StackError("migration-failed", f"Airflow's database is not ready:\n{tail}")
    done.write_text(current, "utf-8")
    say(f"{'database':<14} ready after {time.monotonic() - begun:4.1f} s")


def _wait_for(starter: Starter, name: str, is_healthy: Callable[[Ports], bool]) -> None:
    begun = time.monotonic()
    wait_until(
        lambda: is_healthy(starter.ports),
        SERVER_SECONDS,
        starter.watch,
        lambda: _unhealthy(starter, [name], SERVER_SECONDS),
    )
    starter.say(f"{name:<14} ready after {time.monotonic() - begun:4.1f} s")


def _wait_for_airflow(starter: Starter, api: AirflowApi, begun: float) -> None:
    reported: set[str] = set()

    def all_healthy() -> bool:
        healthy = healthy_airflow(api, since_seconds=begun)
        for name in sorted(healthy - reported):
            starter.say(f"{name:<14} ready after {time.time() - begun:4.1f} s")
        reported.update(healthy)
        return len(healthy) == len(AIRFLOW_HEALTH)

    wait_until(
        all_healthy,
        AIRFLOW_SECONDS,
        starter.watch,
        lambda: _unhealthy(starter, sorted(set(AIRFLOW_HEALTH) - reported), AIRFLOW_SECONDS),
    )


def _unhealthy(starter: Starter, names: list[str], seconds: float) -> StackError:
    tails = "\n".join(
        f"The end of {starter.watch.log(name)}:\n{starter.watch.tail(name)}" for name in names
    )
    return StackError(
        "component-unhealthy", f"{', '.join(names)} not healthy after {seconds:.0f} s. {tails}"
    )
