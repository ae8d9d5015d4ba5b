"""Processes: found again later, stopped with all they started, never confused with others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack.layout import Layout
from stack.processes import MARKER, find, marked, start, stop_trees
from stack.record import Record, Started, read_record, write_record
from stack.shutdown import stop_stack

SLEEPER = "import time; time.sleep(60)"
PARENT = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
print("ready", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
PORTS = {
    "airflow": 8080,
    "storage": 8600,
    "pubsub": 8601,
    "modelserver": 8604,
    "vertex": 8605,
    "vision": 8606,
    "secretmanager": 8607,
}


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path)
    yield layout
    stop_stack(layout, lambda line: None)


def run(layout: Layout, script: str, name: str = "scheduler") -> Started:
    environment = {**os.environ, MARKER: str(layout.state)}
    log = layout.logs / f"{name}.log"
    started = start(name, [sys.executable, "-c", script], environment, log)
    while "ready" in script and "ready" not in log.read_text("utf-8"):
        time.sleep(0.02)
    return started


def test_a_process_is_found_until_it_ends(layout: Layout) -> None:
    started = run(layout, SLEEPER)
    process = find(started)
    assert process is not None
    stop_trees([process])
    assert find(started) is None


def test_a_number_in_use_by_another_process_is_not_found() -> None:
    own = psutil.Process()
    assert find(Started("scheduler", own.pid, own.create_time())) is not None
    assert find(Started("scheduler", own.pid, own.create_time() - 60)) is None


def test_it_runs_in_a_session_of_its_own(layout: Layout) -> None:
    started = run(layout, SLEEPER)
    assert os.getsid(started.pid) == started.pid


def test_children_end_with_their_parent(layout: Layout) -> None:
    process = find(run(layout, PARENT))
    assert process is not None
    (child,) = process.children()
    stop_trees([process])
    assert not child.is_running()


def test_what_ignores_the_request_is_ended_all_the_same(layout: Layout) -> None:
    process = find(run(layout, STUBBORN))
    assert process is not None
    stop_trees([process], seconds=0.2)
    assert not process.is_running()


def test_down_stops_a_recorded_stack_and_is_idempotent(layout: Layout) -> None:
    processes = tuple(run(layout, SLEEPER, name) for name in ("local cloud", "scheduler"))
    write_record(layout.record, Record(PORTS, processes))
    lines: list[str] = []
    assert stop_stack(layout, lines.append) == 2
    assert lines == ["stopped scheduler", "stopped local cloud"]
    assert stop_stack(layout, lines.append) == 0
    assert not layout.record.exists()


def test_down_finds_a_process_that_no_record_names(layout: Layout) -> None:
    parent = find(run(layout, PARENT))
    assert parent is not None
    (orphan,) = parent.children()
    parent.kill()
    parent.wait()
    assert marked(str(layout.state)) == [orphan]
    assert stop_stack(layout, lambda line: None) == 1
    assert not orphan.is_running()


def test_down_leaves_a_process_alone_that_reused_a_number(layout: Layout) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER])
    try:
        past = psutil.Process(stranger.pid).create_time() - 60
        write_record(layout.record, Record(PORTS, (Started("scheduler", stranger.pid, past),)))
        assert stop_stack(layout, lambda line: None) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ports": {}}', '{"processes": [{"pid": 1}]}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stack.json"
    path.write_text(text, "utf-8")
    assert read_record(path) is None


def test_a_record_is_read_as_written(tmp_path: Path) -> None:
    record = Record(PORTS, (Started("scheduler", 12, 34.5),))
    write_record(tmp_path / "stack.json", record)
    assert read_record(tmp_path / "stack.json") == record
    assert record.as_ports().numbers() == PORTS
