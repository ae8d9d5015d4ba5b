"""What every load has: a server to prepare, work that ends with the server, and a check."""

from __future__ import annotations

import random
from typing import Protocol

from tests.contract.conftest import RunningCloud

PROJECT = "crash-tests"
# The topic of every notification of Storage and of the Healthcare API.
NOTES = f"projects/{PROJECT}/topics/notes"
TIMEOUT_SECONDS = 10.0


class Load(Protocol):
    """One kind of client; ``work`` and ``problems`` are never called at the same time."""

    name: str

    def prepare(self, cloud: RunningCloud) -> None:
        """Create what the work needs, once, on a cloud that nobody kills meanwhile."""

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        """Write under names that begin with ``prefix`` until a call fails."""

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        """Say what is lost, half-written or invented; the prefix "" means all, byte by byte."""

    def summary(self) -> dict[str, int]:
        """Return how much was acknowledged, for the reader of a failure."""
