"""Long-running operations of services other than Healthcare: stored work, done in its own time.

What an operation is going to do lies in the database with the operation itself. So an operation
that was acknowledged is done even when the process dies first: the next start goes on with it.
Source: https://google.aip.dev/151
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud.behaviour import BehaviourSwitch
from localcloud.errors import GoogleError, not_found, trace_of
from localcloud.state.database import Database

_log = logging.getLogger(__name__)
Json = dict[str, Any]

_STEPS = (
    """
    CREATE TABLE operations (
      name TEXT PRIMARY KEY,
      kind TEXT NOT NULL,
      arguments TEXT NOT NULL,
      created REAL NOT NULL,
      done INTEGER NOT NULL,
      body TEXT NOT NULL
    );
    CREATE INDEX operations_pending ON operations (done, created)
    """,
)
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Kind:
    """What operations of one name do.

    Parameters
    ----------
    response_type
        The full ``@type`` of the response.
    apply
        Changes the service's state and returns the response; runs in the transaction that marks
        the operation done, so that both happen or neither. It must not wait for anything.
    prepare
        Runs before, outside any transaction; it may wait, and be run again after a stop. What it
        raises fails the operation.
    finished
        Changes the metadata when the operation ends, given it, the outcome and the time.
    is_short
        Whether it may be done before its start is answered, where operations take no time.
    """

    response_type: str
    apply: Callable[[Json], Json]
    prepare: Callable[[Json], None] | None = None
    finished: Callable[[Json, Json | GoogleError, str], Json] = lambda metadata, *_: metadata
    is_short: bool = True


class Operations:
    """The operations in one service's database, worked off one after the other on a thread."""

    def __init__(self, database: Database, behaviour: BehaviourSwitch) -> None:
        database.migrate("operations", _STEPS)
        self._database = database
        self._behaviour = behaviour
        self._kinds: dict[str, Kind] = {}
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._begun: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="operations", daemon=True)

    def define(self, name: str, kind: Kind) -> None:
        """Say what operations of a name do; every kind is defined before ``resume``."""
        self._kinds[name] = kind

    def resume(self) -> None:
        """Begin to work, first on what an earlier run left pending."""
        self._thread.start()

    @property
    def is_stopping(self) -> bool:
        """Whether the server stops: what is being prepared may give up, to go on next time."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Begin nothing more, and fail nothing that only stops because the server does."""
        self._stopped.set()
        self._notify()

    def close(self) -> None:
        """Stop working; what is pending goes on at the next start."""
        self.stop()
        self._thread.join()

    def start(self, parent: str, kind: str, arguments: Json, metadata: Json) -> Json:
        """Store an operation below ``parent``, which may be empty, and return it.

        It is done already when it is short and operations take no time
        (``behaviour.operation_seconds``).
        """
        operation_id = secrets.randbelow(9 * 10**18) + 10**18
        name = f"{parent}/operations/{operation_id}".removeprefix("/")
        body = {"name": name, "metadata": metadata}
        no_wait = self._behaviour.current.operation_seconds == 0
        at_once = no_wait and self._kinds[kind].is_short and self._begin(name)
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO operations VALUES (?, ?, ?, ?, 0, ?)",
                (name, kind, json.dumps(arguments), time.time(), json.dumps(body)),
            )
        if at_once:
            self._finish(name)
        self._notify()
        return self.get(name)

    def get(self, name: str) -> Json:
        """Return an operation, or raise 404."""
        rows = self._database.read("SELECT body FROM operations WHERE name = ?", (name,))
        if not rows:
            raise not_found(f"Operation {name} not found.")
        return dict(json.loads(rows[0]["body"]))

    def below(self, parent: str) -> list[Json]:
        """Return the operations of a resource and of all below it, newest first."""
        start = f"{parent}/"
        rows = self._database.read(
            "SELECT body FROM operations WHERE substr(name, 1, ?) = ? ORDER BY created DESC",
            (len(start), start),
        )
        return [json.loads(row["body"]) for row in rows]

    def wait(self, name: str, timeout_seconds: float) -> Json:
        """Return an operation once it is done, or as it is when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        while not (body := self.get(name)).get("done") and not self._stopped.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            with self._changed:
                self._changed.wait(min(left, 1.0))
        return body

    def cancel(self, name: str) -> None:
        """End an operation that has not begun with CANCELLED; without effect on any other."""
        if not self.get(name).get("done") and self._begin(name):
            try:
                self._end(name, GoogleError(499, "CANCELLED", "The operation was cancelled."))
            finally:
                self._begun.discard(name)
            self._notify()

    def delete(self, name: str) -> None:
        """Forget an operation that is done.

        Raises
        ------
        GoogleError
            404 when there is none, 400 when it is not done.
        """
        if not self.get(name).get("done"):
            message = f"Operation {name} is not done; cancel it or wait for it."
            raise GoogleError(400, "FAILED_PRECONDITION", message)
        with self._database.write() as tx:
            tx.execute("DELETE FROM operations WHERE name = ?", (name,))

    def _work(self) -> None:
        while not self._stopped.is_set():
            name, left_seconds = self._next()
            if name is not None and left_seconds <= 0 and self._begin(name):
                self._finish(name)
                continue
            with self._changed:
                # The behaviour may change while an operation waits.
                self._changed.wait(1.0 if name is None else _POLL_SECONDS)

    def _next(self) -> tuple[str | None, float]:
        begun = self._begun.copy()
        rows = self._database.read(
            "SELECT name, created FROM operations WHERE done = 0 ORDER BY created LIMIT ?",
            (len(begun) + 1,),
        )
        row = next((row for row in rows if row["name"] not in begun), None)
        if row is None:
            return None, 0.0
        age_seconds = time.time() - row["created"]
        return row["name"], self._behaviour.current.operation_seconds - age_seconds

    def _begin(self, name: str) -> bool:
        with self._lock:
            if name in self._begun:
                return False
            self._begun.add(name)
            return True

    def _finish(self, name: str) -> None:
        try:
            rows = self._database.read(
                "SELECT kind, arguments FROM operations WHERE name = ? AND done = 0", (name,)
            )
            if rows:
                self._do(name, self._kinds[rows[0]["kind"]], json.loads(rows[0]["arguments"]))
        finally:
            self._begun.discard(name)
        self._notify()

    def _do(self, name: str, kind: Kind, arguments: Json) -> None:
        try:
            if kind.prepare is not None:
                kind.prepare(arguments)
            if self._stopped.is_set():
                return
            with self._database.write():
                response = {"@type": kind.response_type, **kind.apply(arguments)}
                self._end(name, response)
        except GoogleError as error:
            if not self._stopped.is_set():
                self._end(name, error)
        except Exception as error:
            # It must end, whatever broke in it; the message may not quote its data.
            _log.error("An operation of kind %s broke: %s", kind.response_type, trace_of(error))
            message = f"The operation failed: {type(error).__name__}."
            self._end(name, GoogleError.of(500, message))

    def _end(self, name: str, outcome: Json | GoogleError) -> None:
        with self._database.write() as tx:
            row = tx.execute("SELECT * FROM operations WHERE name = ?", (name,)).fetchone()
            if row is None or row["done"]:
                return
            body = json.loads(row["body"])
            kind = self._kinds[row["kind"]]
            body["metadata"] = kind.finished(body["metadata"], outcome, utc_now())
            body["done"] = True
            if isinstance(outcome, GoogleError):
                body["error"] = {"code": outcome.rpc_code, "message": outcome.message}
            else:
                body["response"] = outcome
            tx.execute(
                "UPDATE operations SET done = 1, body = ? WHERE name = ?", (json.dumps(body), name)
            )

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def utc_now() -> str:
    """Return the time as RFC 3339 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
