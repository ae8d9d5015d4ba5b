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

_BUSY_TIMEOUT_SECONDS = 30.0
Arguments = Sequence[Any] | Mapping[str, Any]


class Database:
    """One SQLite file in write-ahead mode; rows are ``sqlite3.Row``.

    Parameters
    ----------
    path
        The file; its folder is created.
    synchronous
        ``FULL`` makes a commit survive a power cut, ``NORMAL`` only the death of the process.
    """

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._synchronous = synchronous
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._writer.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Hold the one write transaction; commits at the end, rolls back on an exception.

        A nested ``write`` of the same thread joins the outer transaction.
        """
        with self._write_lock:
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                # A commit that fails may have ended the transaction already.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def read(self, sql: str, arguments: Arguments = ()) -> list[sqlite3.Row]:
        """Run one query on this thread's own connection; sees all that is committed."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection.execute(sql, arguments).fetchall()

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
            for version in range(rows[0]["version"] if rows else 0, len(steps)):
                self._writer.executescript(f"BEGIN IMMEDIATE; {steps[version]};")
                self._writer.execute(
                    "INSERT OR REPLACE INTO schema_version VALUES (?, ?)", (component, version + 1)
                )
                self._writer.execute("COMMIT")

    def close(self) -> None:
        """Close every connection; nobody may use the database any more."""
        with self._write_lock:
            for connection in self._connections:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        self._connections.append(connection)
        return connection
