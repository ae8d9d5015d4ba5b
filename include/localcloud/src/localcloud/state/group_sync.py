"""One wait for the disk for all commits that came while it was busy.

SQLite's write-ahead log is durable up to where its file was last synced; a commit that is not
synced is lost whole, never half. So commits are only written under the writer's lock, and the
threads that made them wait together for one sync of the file.
Source: https://www.sqlite.org/wal.html#performance_considerations and
https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import os
import threading
from pathlib import Path


class GroupSync:
    """Makes what was written to a file durable, for many threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._written = 0
        self._durable = 0
        self._syncing = False
        self._descriptor: int | None = None
        self._failure: OSError | None = None

    def written(self) -> int:
        """Count one more thing written and return its number; call it in the order of writing."""
        with self._changed:
            self._written += 1
            return self._written

    def latest(self) -> int:
        """Return the number of the last thing written, which a reader may have seen."""
        with self._changed:
            return self._written

    def wait(self, number: int) -> None:
        """Return once what has a number is durable.

        Raises
        ------
        OSError
            When the disk failed: then, and for every later call, nothing is known to be durable.
        """
        while True:
            with self._changed:
                while self._syncing and self._durable < number:
                    self._changed.wait()
                if self._failure is not None:
                    raise self._failure
                if self._durable >= number:
                    return
                self._syncing, covered = True, self._written
            self._sync(covered)

    def close(self) -> None:
        """Release the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _sync(self, covered: int) -> None:
        failure: OSError | None = None
        try:
            if self._descriptor is None:
                self._descriptor = _opened(self._path)
            os.fdatasync(self._descriptor)
        except OSError as error:
            failure = error
        with self._changed:
            self._syncing = False
            if failure is None:
                self._durable = covered
            else:
                # A second try may succeed for having forgotten what the first could not write.
                self._failure = failure
            self._changed.notify_all()


def _opened(path: Path) -> int:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return os.open(path, os.O_RDONLY)
