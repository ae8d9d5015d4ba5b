"""Wait for a condition, never for ever, and never for a process that has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError
from stack.processes import find
from stack.record import Started

_POLL_SECONDS = 0.2
_TAIL_LINES = 15


@dataclass(frozen=True)
class Watch:
    """Processes that must stay alive while somebody waits, and where they log."""

    processes: tuple[Started, ...]
    logs: Path

    def check(self) -> None:
        """Raise ``component-ended`` with the end of the log of the first process that is gone."""
        for started in self.processes:
            if find(started) is None:
                raise StackError(
                    "component-ended",
                    f"{started.name} ended. The end of {self.log(started.name)}:\n"
                    f"{self.tail(started.name)}",
                )

    def log(self, name: str) -> Path:
        return log_path(self.logs, name)

    def tail(self, name: str) -> str:
        """Return the last lines of a component's log, indented."""
        try:
            lines = self.log(name).read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return "  (no log)"
        return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:]) or "  (the log is empty)"


def log_path(logs: Path, name: str) -> Path:
    return logs / f"{name.replace(' ', '-')}.log"


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    watch: Watch,
    timeout_error: Callable[[], StackError],
) -> None:
    """Poll until the condition holds.

    Raises
    ------
    StackError
        What ``timeout_error`` makes after ``seconds``, or ``component-ended`` as soon as a
        watched process is gone.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        watch.check()
        if time.monotonic() > deadline:
            raise timeout_error()
        time.sleep(_POLL_SECONDS)
