"""docker-compose.yaml: no engine runs it here, so everything it names is checked instead."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from tests.deploy.compose import (
    REPOSITORY,
    compose,
    env_example,
    services,
    variables,
    with_defaults,
)

from stack.components import MODEL_IMAGE
from stack.credentials import Credentials
from stack.environment import airflow_environment
from stack.layout import Layout
from stack.ports import DEFAULTS, Ports

CREDENTIALS = Credentials("fernet", "jwt", "session", "password")
OWN_TO_LAPTOP = {
    # One machine's paths, the size of SQLite, and an address that the command line sets.
    "AIRFLOW__CORE__PARALLELISM",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
}
OWN_TO_COMPOSE = {"AIRFLOW__CORE__EXECUTOR"}
DIFFERENT = {
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
}


def laptop_environment() -> dict[str, str]:
    environment = airflow_environment(Layout(REPOSITORY / ".wetread"), Ports(), CREDENTIALS, {})
    return {name: value for name, value in environment.items() if name.startswith("AIRFLOW__")}


def compose_environment() -> dict[str, str]:
    return compose()["x-airflow"]["environment"]


def test_the_services_are_those_of_an_airflow_cluster() -> None:
    assert set(services()) == {
        "loopback",
        "localcloud",
        "modelserver",
        "postgres",
        "redis",
        "migrate",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "worker",
        "provision",
    }


def test_only_the_loopback_address_is_published() -> None:
    published = [port for service in services().values() for port in service.get("ports", ())]
    assert {with_defaults(port) for port in published} == {
        f"127.0.0.1:{row.number}:{row.number}" for row in DEFAULTS
    }


def test_workers_can_be_scaled() -> None:
    worker = services()["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker
    assert "/proc/sys/kernel/random/uuid" in worker["command"][-1]


@pytest.mark.parametrize("name", sorted(services()))
def test_a_service_waits_only_for_what_can_be_waited_for(name: str) -> None:
    for other, how in services()[name].get("depends_on", {}).items():
        assert other in services()
        if how["condition"] == "service_healthy":
            assert "healthcheck" in services()[other], f"{other} has no healthcheck"


@pytest.mark.parametrize("name", sorted(set(services()) - {"loopback", "migrate", "provision"}))
def test_every_service_that_stays_has_a_healthcheck(name: str) -> None:
    assert services()[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert services()[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(services()))
def test_every_path_and_volume_exists(name: str) -> None:
    for volume in services()[name].get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (REPOSITORY / source).exists(), source
        else:
            assert source in compose()["volumes"]


def test_every_variable_is_in_the_example_and_the_other_way_round() -> None:
    assert set(variables()) == set(env_example())


def test_a_secret_has_no_default_and_a_port_has_that_of_the_laptop() -> None:
    ports = {row.variable: str(row.number) for row in DEFAULTS}
    for name, uses in variables().items():
        if name in ports:
            assert uses == {(":-", ports[name])}
            assert env_example()[name] == ports[name]
        else:
            assert uses == {(":?", "set it in .env")}
            assert env_example()[name] == ""


def test_a_laptop_and_the_cluster_differ_only_where_they_must() -> None:
    laptop, cluster = laptop_environment(), compose_environment()
    celery = {name for name in cluster if name.startswith("AIRFLOW__CELERY__")}
    assert set(laptop) - set(cluster) == OWN_TO_LAPTOP
    assert set(cluster) - set(laptop) == OWN_TO_COMPOSE | celery
    shared = set(laptop) & set(cluster) - DIFFERENT
    assert {name: with_defaults(cluster[name]) for name in shared} == {
        name: laptop[name] for name in shared
    }


@pytest.mark.parametrize("name", sorted({*laptop_environment(), *compose_environment()}))
def test_every_setting_is_one_of_airflows(name: str) -> None:
    from airflow.configuration import retrieve_configuration_description

    options = retrieve_configuration_description(include_providers=True)
    _, section, option = name.lower().split("__")
    assert option in options[section]["options"]


def airflow_commands() -> list[list[str]]:
    commands = [service.get("command", [""]) for service in services().values()]
    checks = [
        service.get("healthcheck", {"test": ["CMD", ""]})["test"] for service in services().values()
    ]
    found = [*commands, *(check[1:] for check in checks)]
    scripts = [
        shlex.split(command[-1].split("exec ")[-1]) for command in found if command[0] == "sh"
    ]
    return [
        [with_defaults(word) for word in command[1:]]
        for command in (*found, *scripts)
        if command[0] == "airflow"
    ]


def test_airflow_knows_every_command() -> None:
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    parsed = [parser.parse_args(command) for command in airflow_commands()]
    assert len(parsed) == 9


@pytest.mark.parametrize("name", ["localcloud", "modelserver"])
def test_a_server_knows_every_flag(name: str) -> None:
    program = REPOSITORY / f".venvs/{name}/bin/{name}"
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    for argument in services()[name]["command"]:
        if argument.startswith("--"):
            assert argument.split("=")[0] in text


def test_the_model_server_stands_in_for_the_image_of_the_settings() -> None:
    (registered,) = [
        argument.removeprefix("--model-server=")
        for argument in services()["localcloud"]["command"]
        if argument.startswith("--model-server=")
    ]
    image, _, url = with_defaults(registered).partition("=")
    assert (image, url) == (MODEL_IMAGE, Ports().url("modelserver"))
