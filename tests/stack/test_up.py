"""The stack for real, once: started, asked, started again, broken and stopped."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import requests

from stack.layout import Layout
from stack.ports import DEFAULTS, HOST, Ports, require_free
from stack.processes import find, kill, marked
from stack.record import read_record
from stack.shutdown import stop_stack
from stack.status import api_of, stack_status
from stack.up import bring_up

pytestmark = pytest.mark.system


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path / "state")
    layout.state.mkdir()
    yield layout
    stop_stack(layout, lambda line: None)


@pytest.fixture
def ports() -> Ports:
    """Ports that were free a moment ago, so that a running stack does not disturb the test."""
    sockets = [socket.create_server((HOST, 0)) for _ in DEFAULTS]
    numbers = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    rows = zip(DEFAULTS, numbers, strict=True)
    return Ports(tuple(replace(row, number=number) for row, number in rows))


def listening_addresses(layout: Layout) -> set[str]:
    # gRPC opens its IPv4 listener as an IPv6 one with a mapped address.
    return {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in marked(str(layout.state))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def answering_models(ports: Ports) -> set[str]:
    """Ask each endpoint about bytes that are no input of its model; return who refused them."""
    url = f"{ports.url('vertex')}/v1"
    parent = "projects/wetread-local/locations/us-central1"
    listed = requests.get(f"{url}/{parent}/endpoints", timeout=10).json()
    names = set()
    for endpoint in listed["endpoints"]:
        answer = requests.post(
            f"{url}/{endpoint['name']}:predict",
            json={"instances": [{"input_bytes": "AAAA"}]},
            timeout=10,
        ).json()
        assert set(answer["predictions"][0]) == {"error"}
        names.add(answer["modelDisplayName"])
    return names


def words(layout: Layout) -> dict[str, str]:
    return {status.name: status.word for status in stack_status(layout)}


def test_a_stack_from_nothing_to_nothing(layout: Layout, ports: Ports) -> None:
    lines: list[str] = []
    assert bring_up(layout, ports, lines.append) == 0
    text = "\n".join(lines)
    assert "platform_setup succeeded" in text
    assert f"export STORAGE_EMULATOR_HOST={ports.url('storage')}" in text
    assert f"export PUBSUB_EMULATOR_HOST={HOST}:{ports.number('pubsub')}" in text

    assert set(words(layout).values()) == {"healthy"}
    assert listening_addresses(layout) == {HOST}
    assert not any(api_of(layout, ports).dags().values()), "a DAG is still paused"

    assert answering_models(ports) == {"burned-in-text", "phantom-nodule", "phantom-pneumothorax"}

    lines.clear()
    assert bring_up(layout, ports, lines.append) == 0
    assert lines[0].startswith("already up")

    record = read_record(layout.record)
    assert record is not None
    (scheduler,) = (find(row) for row in record.processes if row.name == "scheduler")
    assert scheduler is not None
    kill([scheduler])
    assert words(layout)["scheduler"] == "stopped"
    assert words(layout)["api-server"] == "healthy"

    stop_stack(layout, lines.append)
    assert marked(str(layout.state)) == []
    assert set(words(layout).values()) == {"stopped"}
    require_free(ports)
