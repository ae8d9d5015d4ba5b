"""Ports: who has one, who moves it, and what is said when it is taken."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from stack.errors import StackError
from stack.ports import DEFAULTS, HOST, Port, Ports, ports_from, require_free


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every real server does
        server.bind((HOST, 0))
        server.listen()
        yield server


def row(number: int) -> Port:
    return Port("vision", "Vision", "WETREAD_VISION_PORT", number)


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert Ports().numbers() == {
        "airflow": 8080,
        "storage": 8600,
        "pubsub": 8601,
        "modelserver": 8604,
        "vertex": 8605,
        "vision": 8606,
        "secretmanager": 8607,
    }


def test_a_variable_moves_its_port_and_the_endpoints_follow() -> None:
    ports = ports_from({"WETREAD_STORAGE_PORT": "9600"})
    assert ports.url("storage") == "http://127.0.0.1:9600"
    assert ports.endpoints()["healthcare"] == "http://127.0.0.1:9600"
    assert ports.endpoints()["vision"] == "http://127.0.0.1:8606"
    assert ports.endpoints()["aiplatform"] == "http://127.0.0.1:8605"


@pytest.mark.parametrize("value", ["0", "65536", "-1", "80a", "٨٠", "8080 "])
def test_what_is_no_port_is_refused_with_its_variable(value: str) -> None:
    with pytest.raises(StackError, match="WETREAD_VISION_PORT") as raised:
        ports_from({"WETREAD_VISION_PORT": value})
    assert raised.value.code == "port-invalid"


def test_two_services_on_one_port_are_refused() -> None:
    with pytest.raises(StackError, match="Vision and Airflow are both on port 8080"):
        ports_from({"WETREAD_VISION_PORT": "8080"})


def test_a_taken_port_is_named_with_its_service_its_holder_and_its_setting(
    listener: socket.socket,
) -> None:
    number = listener.getsockname()[1]
    with pytest.raises(StackError) as raised:
        require_free(Ports((row(number),)))
    message = str(raised.value)
    assert raised.value.code == "port-taken"
    assert f"port {number} (Vision) is taken by " in message
    assert "WETREAD_VISION_PORT=<port>" in message
    assert "\n" not in message


def test_a_port_is_free_again_once_its_listener_has_gone(listener: socket.socket) -> None:
    number = listener.getsockname()[1]
    with socket.create_connection((HOST, number)):
        listener.accept()[0].close()
    listener.close()
    require_free(Ports((row(number),)))


def test_every_variable_is_unique() -> None:
    assert len({row.variable for row in DEFAULTS}) == len(DEFAULTS)
