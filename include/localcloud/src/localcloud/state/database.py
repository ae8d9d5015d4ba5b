"""SQLite for a server with many threads: many readers, one writer, durable commits.

Source: https://www.sqlite.org/wal.html and https://www.sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud.state.group_sync import GroupSync

_BUSY_TIMEOUT_SECONDS = 30.0
Arguments = Sequence[Any] | Mapping[str, Any]


class _ThreadsOwn:
    """A thread's connection, closed when the thread ends.

    Left alone, a connection stays open until the collector of cycles comes, as it refers to itself.
    """

    def __init__(self, connection: sqlite3.Connection, all_open: set[sqlite3.Connection]) -> None:
        self.connection = connection
        self._all_open = all_open

    def __del__(self) -> None:
        self._all_open.discard(self.connection)
        self.connection.close()


class Database:
    """One SQLite file in write-ahead mode; rows are ``sqlite3.Row``.

    Parameters
    ----------
    path
        The file; its folder is created.
    synchronous
        ``FULL`` makes a commit survive a power cut, ``NORMAL`` only the death of the process.
        ``FULL`` is done here, by a sync that commits share, and not by SQLite for each of them.
    """

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        log = path.with_name(f"{path.name}-wal")
        self._group_sync = GroupSync(log) if synchronous == "FULL" else None
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._connections: set[sqlite3.Connection] = set()
        self._writer = self._connect()
        self._writer.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Hold the one write transaction; commits at the end, rolls back on an exception.

        What was changed is durable when this ends. A nested ``write`` of the same thread joins
        the outer transaction. Tables are made by ``migrate``.
        """
        with self._write_lock:
            if self._writer.in_transaction:
                yield self._writer
                return
            before = self._writer.total_changes
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                # A commit that fails may have ended the transaction already.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            number = self._number(changed=self._writer.total_changes != before)
        # Without the lock: others may commit meanwhile, and share the next sync.
        self._wait(number)

    def read(self, sql: str, arguments: Arguments = ()) -> list[sqlite3.Row]:
        """Run one query on this thread's own connection; sees all that is committed."""
        own: _ThreadsOwn | None = getattr(self._local, "own", None)
        if own is None:
            own = self._local.own = _ThreadsOwn(self._connect(), self._connections)
        return own.connection.execute(sql, arguments).fetchall()

    def migrate(self, component: str, steps: Sequence[str]) -> None:
        """Bring a component's tables to its newest version.

        Parameters
        ----------
        component
            Whose tables they are; each component counts its own version.
        steps
            SQL scripts, oldest first. A step that was ever released is never edited: add one.
        """
        with self._write_lock:
            self._writer.execute(
                "CREATE TABLE IF NOT EXISTS schema_version"
                " (component TEXT PRIMARY KEY, version INTEGER NOT NULL)"
            )
            rows = self._writer.execute(
                "SELECT version FROM schema_version WHERE component = ?", (component,)
            ).fetchall()
            old = rows[0]["version"] if rows else 0
            for version in range(old, len(steps)):
                self._writer.executescript(f"BEGIN IMMEDIATE; {steps[version]};")
                self._writer.execute(
                    "INSERT OR REPLACE INTO schema_version VALUES (?, ?)", (component, version + 1)
                )
                self._writer.execute("COMMIT")
            self._wait(self._number(changed=old < len(steps)))

    def close(self) -> None:
        """Close every connection; nobody may use the database any more."""
        with self._write_lock:
            for connection in list(self._connections):
                connection.close()
            if self._group_sync:
                self._group_sync.close()

    def _number(self, *, changed: bool) -> int:
        """Return what must be durable before an answer: one's own change, else what one saw."""
        if self._group_sync is None:
            return 0
        return self._group_sync.written() if changed else self._group_sync.latest()

    def _wait(self, number: int) -> None:
        if self._group_sync is not None:
            self._group_sync.wait(number)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        # At checkpoints SQLite itself syncs the log before the database.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        self._connections.add(connection)
        return connection
