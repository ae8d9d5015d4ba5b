"""The command: start, announce, stop, and what it says when it cannot."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tests.contract.conftest import StartCloud, localcloud_command

README = "include/localcloud/README.md"
STOP_SECONDS = 10.0
EPHEMERAL = [
    f"--{name}-port=0" for name in ("storage", "pubsub", "vertex", "vision", "secretmanager")
]


def _fail(*options: str) -> str:
    done = subprocess.run(
        [localcloud_command(), *options], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.rule("localcloud.cli.announce", README)
def test_it_announces_addresses_that_answer(start_cloud: StartCloud, tmp_path: Path) -> None:
    ports = tmp_path / "ports.json"
    with start_cloud(tmp_path / "data", "--port-file", str(ports)) as cloud:
        announced = json.loads(ports.read_text())
        assert announced == {
            "storage": cloud.storage,
            "healthcare": cloud.storage,
            "pubsub": cloud.pubsub,
            "vertex": cloud.vertex,
            "vision": cloud.vision,
            "secretmanager": cloud.secretmanager,
        }
        assert cloud.admin("GET", "health") == {"status": "ok"}
        for url in (cloud.vision, cloud.secretmanager):
            assert requests.get(url, timeout=5).status_code == 404
        host, _, port = cloud.pubsub.partition(":")
        socket.create_connection((host, int(port)), timeout=5).close()


@pytest.mark.rule("localcloud.cli.stop", README)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_quickly_with_clients_connected(
    start_cloud: StartCloud, tmp_path: Path, number: signal.Signals
) -> None:
    with start_cloud(tmp_path) as cloud, requests.Session() as session:
        session.get(f"{cloud.storage}/_localcloud/health", timeout=5)
        host, _, port = cloud.pubsub.partition(":")
        with socket.create_connection((host, int(port)), timeout=5):
            begin = time.monotonic()
            cloud.process.send_signal(number)
            assert cloud.process.wait(10) == 0
            assert time.monotonic() - begin < STOP_SECONDS


@pytest.mark.rule("localcloud.cli.stop", README)
def test_a_stop_answers_or_closes_but_never_fails_a_call(
    start_cloud: StartCloud, tmp_path: Path
) -> None:
    answers: set[int] = set()

    def call(url: str) -> None:
        with requests.Session() as session, suppress(requests.ConnectionError):
            while True:
                answers.add(session.get(url, timeout=10).status_code)

    with start_cloud(tmp_path, "--behaviour=swift") as cloud, ThreadPoolExecutor(8) as clients:
        calls = [clients.submit(call, f"{cloud.storage}/storage/v1/b?project=p") for _ in range(8)]
        while not answers:
            time.sleep(0.01)
        cloud.process.send_signal(signal.SIGTERM)
        assert cloud.process.wait(10) == 0
        for made in calls:
            made.result()
    assert answers == {200}


@pytest.mark.rule("localcloud.cli.restart", README)
def test_a_restart_finds_its_state(start_cloud: StartCloud, tmp_path: Path) -> None:
    for attempt in range(2):
        with start_cloud(tmp_path) as cloud:
            client = storage.Client(
                project="restart",
                credentials=AnonymousCredentials(),
                client_options={"api_endpoint": cloud.storage},
            )
            assert client.bucket("kept-bucket").exists() is bool(attempt)
            if not attempt:
                client.create_bucket("kept-bucket")


@pytest.mark.rule("localcloud.cli.errors", README)
@pytest.mark.parametrize("name", ["storage", "pubsub", "vision", "secretmanager"])
def test_a_taken_port_is_named_with_its_option(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = _fail("--data", str(tmp_path), *EPHEMERAL, f"--{name}-port={port}")
    assert str(port) in message
    assert f"--{name}-port" in message


@pytest.mark.rule("localcloud.cli.errors", README)
def test_a_data_folder_has_one_local_cloud(start_cloud: StartCloud, tmp_path: Path) -> None:
    with start_cloud(tmp_path):
        assert "another local cloud" in _fail("--data", str(tmp_path), *EPHEMERAL)


@pytest.mark.rule("localcloud.cli.errors", README)
def test_wrong_options_are_explained(tmp_path: Path) -> None:
    assert "--data" in _fail()
    assert "65535" in _fail("--data", str(tmp_path), "--storage-port=99999")


@pytest.mark.rule("localcloud.cli.errors", README)
@pytest.mark.parametrize("missing", [False, True])
def test_a_data_folder_that_cannot_be_is_explained(tmp_path: Path, missing: bool) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "below" if missing else tmp_path / "file"
    message = _fail("--data", str(folder), *EPHEMERAL)
    assert str(folder) in message
    assert "--data" in message


@pytest.mark.rule("localcloud.cli.errors", README)
def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "storage.sqlite").write_bytes(b"garbage" * 1000)
    assert "storage.sqlite" in _fail("--data", str(tmp_path), *EPHEMERAL)
