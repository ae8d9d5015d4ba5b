"""When operations run: not before their time, a few at once, the rest in line.

A dataset runs few operations together because each slows the others, as Google advises its users.
Source: https://cloud.google.com/healthcare-api/docs/best-practices-lros
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_RUNNING_PER_DATASET = 5
MAX_RUNNING = 8
MAX_WAITING = 1000

# The delay in force may change while an operation waits, so it is looked at again this often.
_LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """An operation to run; `queued` is on the monotonic clock, in seconds."""

    name: str
    dataset: str
    run: Callable[[], None]
    queued: float = field(default_factory=time.monotonic)


class OperationQueue:
    """Starts at most ``MAX_RUNNING`` jobs at a time, in the order in which they came.

    Parameters
    ----------
    delay_seconds
        Tells how long a job waits at least; asked anew for as long as it waits.
    """

    def __init__(self, delay_seconds: Callable[[], float]) -> None:
        self._delay_seconds = delay_seconds
        self._changed = threading.Condition()
        self._waiting: dict[str, Job] = {}
        self._running: Counter[str] = Counter()
        self._has_scheduler = False

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING

    def put(self, job: Job) -> None:
        with self._changed:
            self._waiting[job.name] = job
            if not self._has_scheduler:
                # Daemons, because the server may stop meanwhile: its next start ends what is left.
                threading.Thread(target=self._schedule, name="operations", daemon=True).start()
                self._has_scheduler = True
            self._changed.notify_all()

    def withdraw(self, name: str) -> bool:
        """Take back a job that has not begun; returns whether there was one."""
        with self._changed:
            return self._waiting.pop(name, None) is not None

    def _schedule(self) -> None:
        with self._changed:
            while True:
                while job := self._next_ready():
                    del self._waiting[job.name]
                    self._running[job.dataset] += 1
                    threading.Thread(
                        target=self._run, args=(job,), name="operation", daemon=True
                    ).start()
                self._changed.wait(_LOOK_AGAIN_SECONDS if self._waiting else None)

    def _next_ready(self) -> Job | None:
        if self._running.total() >= MAX_RUNNING:
            return None
        latest = time.monotonic() - self._delay_seconds()
        return next(
            (
                job
                for job in self._waiting.values()
                if job.queued <= latest and self._running[job.dataset] < MAX_RUNNING_PER_DATASET
            ),
            None,
        )

    def _run(self, job: Job) -> None:
        try:
            job.run()
        finally:
            with self._changed:
                self._running[job.dataset] -= 1
                self._running += Counter()
                self._changed.notify_all()
