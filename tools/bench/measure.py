"""A measurement: the same work on our server and on a peer, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

REPEATS = 3

# Does some work anew each time it is called, and returns the rate.
Rate = Callable[[], float]


@dataclass(frozen=True)
class Result:
    """The rates of one measurement, one for each repetition.

    ``target`` is what the local cloud shall reach, in words; ``peer`` says who was measured
    beside it, or why nobody was.
    """

    name: str
    unit: str
    target: str
    ours: list[float]
    peer: str
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """Our median over theirs."""
        if not self.theirs:
            return None
        return statistics.median(self.ours) / statistics.median(self.theirs)


@dataclass(frozen=True)
class Measurement:
    """What is measured; ``theirs`` is None where the peer is missing."""

    name: str
    unit: str
    target: str
    peer: str
    ours: Rate
    theirs: Rate | None

    def run(self) -> Result:
        """Measure in turns, so that a busy moment of the machine does not favour one."""
        ours, theirs = [], []
        for _ in range(REPEATS):
            ours.append(self.ours())
            if self.theirs is not None:
                theirs.append(self.theirs())
        return Result(self.name, self.unit, self.target, ours, self.peer, theirs)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Give a function that returns the seconds since the block was entered."""
    begin = time.perf_counter()
    yield lambda: time.perf_counter() - begin
