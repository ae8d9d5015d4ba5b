"""What was started: the file that lets a later command find it again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stack.ports import DEFAULTS, Port, Ports


@dataclass(frozen=True)
class Started:
    """One process; the creation time tells it from a later one with the same number."""

    name: str
    pid: int
    created: float
    """Seconds since the epoch, as the operating system reports it."""


@dataclass(frozen=True)
class Record:
    """The ports and processes of one stack."""

    ports: dict[str, int]
    processes: tuple[Started, ...] = field(default=())

    def with_process(self, started: Started) -> Record:
        return Record(self.ports, (*self.processes, started))

    def as_ports(self) -> Ports:
        return Ports(
            tuple(
                Port(row.service, row.title, row.variable, self.ports[row.service])
                for row in DEFAULTS
            )
        )


def read_record(path: Path) -> Record | None:
    """Return what the file says, or None when there is none or it was cut short."""
    try:
        stored = json.loads(path.read_text("utf-8"))
        processes = tuple(Started(**row) for row in stored["processes"])
        ports = {row.service: int(stored["ports"][row.service]) for row in DEFAULTS}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Record(ports, processes)


def write_record(path: Path, record: Record) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(record), indent=1) + "\n", "utf-8")
    os.replace(partial, path)
