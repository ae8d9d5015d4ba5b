"""Provision an Airflow that something else runs: the one-shot service of docker-compose.yaml."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from stack.airflow_api import AirflowApi
from stack.components import AIRFLOW_HEALTH
from stack.credentials import USER
from stack.errors import StackError
from stack.health import cloud_is_healthy, healthy_airflow, models_are_healthy
from stack.layout import REPOSITORY
from stack.ports import ports_from
from stack.provision import provision
from stack.settings import read_settings
from stack.waiting import Watch, wait_until

PASSWORDS_VARIABLE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
CLUSTER_SECONDS = 300.0
"""Containers that start for the first time compile their Python files."""

Say = Callable[[str], None]


def provision_cluster(environ: Mapping[str, str], say: Say) -> None:
    """Wait until everything answers on this machine, then do as ``up`` does.

    Raises
    ------
    StackError
        ``cluster-unhealthy``, or what provisioning raises.
    """
    ports = ports_from(environ)
    nobody_to_watch = Watch((), Path())
    anonymous = AirflowApi(ports.url("airflow"), USER, "")
    wait_until(
        lambda: (
            cloud_is_healthy(ports)
            and models_are_healthy(ports)
            and len(healthy_airflow(anonymous)) == len(AIRFLOW_HEALTH)
        ),
        CLUSTER_SECONDS,
        nobody_to_watch,
        lambda: StackError(
            "cluster-unhealthy",
            f"not all services were healthy within {CLUSTER_SECONDS:.0f} s; see their logs.",
        ),
    )
    password = json.loads(Path(environ[PASSWORDS_VARIABLE]).read_text("utf-8"))[USER]
    api = AirflowApi(ports.url("airflow"), USER, password)
    settings = read_settings(REPOSITORY / "airflow_settings.yaml")
    provision(settings.with_endpoints(ports.endpoints()), api, nobody_to_watch, say)
    say(f"Airflow {ports.url('airflow')}   user {USER}, password {password}")
