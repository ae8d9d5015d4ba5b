"""A real Airflow web server whose connection and settings lie in its database, as on a laptop."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from tests.contract.conftest import RunningCloud
from tests.system.conftest import free_ports

from stack.airflow_api import AirflowApi
from stack.components import airflow_command, airflow_components
from stack.credentials import USER, Credentials, credentials_of
from stack.environment import airflow_environment
from stack.layout import Layout
from stack.settings import read_settings
from stack.waiting import Watch, wait_until

START_SECONDS = 60.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class WebServer:
    """Its address and its only user."""

    url: str
    user: str
    password: str
    log: Path

    def token(self) -> str:
        login = {"username": self.user, "password": self.password}
        answer = requests.post(f"{self.url}/auth/token", json=login, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def get(self, path: str, token: str | None = None) -> requests.Response:
        """Ask as a browser does that has the login's cookie, or none."""
        cookies = {"_token": token} if token else {}
        return requests.get(f"{self.url}{path}", cookies=cookies, allow_redirects=False, timeout=60)


@contextmanager
def web_server(cloud: RunningCloud, folder: Path) -> Iterator[WebServer]:
    """Start a web server whose Google connection leads to a local cloud."""
    layout, ports = Layout(folder), free_ports()
    layout.airflow_home.mkdir(parents=True)
    credentials = credentials_of(layout)
    environment = airflow_environment(layout, ports, credentials, os.environ)
    command = next(c for c in airflow_components(ports, environment) if c.name == "api-server")
    log = folder / "api-server.log"
    with log.open("wb") as output:
        subprocess.run(
            airflow_command("db", "migrate"),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
        )
        process = subprocess.Popen(
            command.argv, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _configure(layout, credentials, cloud, ports.url("airflow"))
        yield WebServer(ports.url("airflow"), USER, credentials.password, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _configure(layout: Layout, credentials: Credentials, cloud: RunningCloud, url: str) -> None:
    api = AirflowApi(url, USER, credentials.password)
    wait_until(
        lambda: _answers(api),
        START_SECONDS,
        Watch((), layout.logs),
        lambda: AssertionError(f"no web server after {START_SECONDS:.0f} s"),
    )
    endpoints = {
        "storage": cloud.storage,
        "healthcare": cloud.healthcare,
        "pubsub": f"http://{cloud.pubsub}",
        "aiplatform": cloud.vertex,
        "vision": cloud.vision,
        "secretmanager": cloud.secretmanager,
    }
    read_settings(layout.settings).with_endpoints(endpoints).apply(api)


def _answers(api: AirflowApi) -> bool:
    try:
        return bool(api.health())
    except requests.RequestException:
        return False
