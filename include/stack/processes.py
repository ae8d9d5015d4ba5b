"""Start processes that outlive the command, and stop them with everything they started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from stack.record import Started

MARKER = "WETREAD_STACK"
"""Environment variable of every process of a stack; its value is the stack's state folder."""

STOP_SECONDS = 5.0
"""How long a component may take to end by itself. Airflow's scheduler often takes longer."""

_CLOCK_TOLERANCE_SECONDS = 2.0
"""Creation times are derived from the boot time, which moves when the clock is set."""


def start(name: str, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> Started:
    """Start a process in a session of its own, so that Ctrl-C does not reach it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Started(name, process.pid, psutil.Process(process.pid).create_time())


def find(started: Started) -> psutil.Process | None:
    """Return the running process, or None when it ended, even if its number is in use again."""
    try:
        process = psutil.Process(started.pid)
        age_difference = abs(process.create_time() - started.created)
        if age_difference > _CLOCK_TOLERANCE_SECONDS or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.NoSuchProcess:
        return None
    return process


def marked(marker: str) -> list[psutil.Process]:
    """Return every process of a stack, whoever its parent is by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == marker:
                found.append(process)
        except psutil.Error:
            continue  # ended meanwhile, or another user's
    return found


def stop_trees(roots: Sequence[psutil.Process], seconds: float = STOP_SECONDS) -> None:
    """Ask processes to end, then end what is left of them and of their descendants."""
    descendants = []
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            descendants += root.children(recursive=True)
            root.terminate()
    _, left = psutil.wait_procs(roots, timeout=seconds)
    kill([*left, *descendants])


def kill(processes: Iterable[psutil.Process]) -> None:
    """End processes at once; psutil refuses when a number was given to another process."""
    ended = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
            ended.append(process)
    psutil.wait_procs(ended, timeout=STOP_SECONDS)
