"""One thread that commits everything Pub/Sub is asked to do.

A commit costs a disk flush, whatever it holds. Calls that arrive while one is under way are
therefore put into the next one together: each runs within its own savepoint, so that one that
fails takes nobody with it, and each learns its result only after the common flush.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from localcloud.state.database import Database

Transaction = sqlite3.Connection
T = TypeVar("T")
Work = Callable[[Transaction], T]

_MAX_BATCH = 256


@dataclass(frozen=True)
class _Job(Generic[T]):
    work: Work[T]
    result: Future[T]


class Ledger:
    """Runs units of work, in the order they were handed in, and commits them in batches."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="pubsub-ledger", daemon=True)

    def start(self) -> None:
        """Begin to work; jobs handed in earlier are done first."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was handed in, then end."""
        self._jobs.put(None)
        self._thread.join()

    async def commit(self, work: Work[T]) -> T:
        """Run `work` in a transaction and return its result once that is on disk."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Work[T]) -> Future[T]:
        """Hand in `work`; the future resolves once its effect is on disk."""
        job = _Job(work, Future())
        self._jobs.put(job)
        return job.result

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, closing = self._drain(first)
            self._commit([job for job in jobs if job.result.set_running_or_notify_cancel()])
            if closing:
                return

    def _drain(self, first: _Job[Any]) -> tuple[list[_Job[Any]], bool]:
        jobs = [first]
        while len(jobs) < _MAX_BATCH and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job[Any]]) -> None:
        outcomes: list[tuple[_Job[Any], Any, Exception | None]] = []
        try:
            with self._database.write() as tx:
                outcomes = [(job, *_attempt(tx, job.work)) for job in jobs]
        except (sqlite3.Error, OSError) as failure:
            outcomes = [(job, None, failure) for job in jobs]
        for job, result, error in outcomes:
            if error is None:
                job.result.set_result(result)
            else:
                job.result.set_exception(error)


def _attempt(tx: Transaction, work: Work[Any]) -> tuple[Any, Exception | None]:
    """The result or the error of one job; an error undoes what the job had written."""
    tx.execute("SAVEPOINT job")
    try:
        result = work(tx)
    except Exception as error:
        tx.execute("ROLLBACK TO job")
        return None, error
    finally:
        tx.execute("RELEASE job")
    return result, None
