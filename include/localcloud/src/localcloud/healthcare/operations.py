"""Long-running operations: recorded, run in the background, cancelled between batches.

Source: https://cloud.google.com/healthcare-api/docs/how-tos/long-running-operations
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from localcloud.auth.agents import healthcare_agent
from localcloud.auth.caller import Caller, acting_as, current
from localcloud.behaviour import BehaviourSwitch
from localcloud.errors import GoogleError, trace_of
from localcloud.healthcare.operation_queue import MAX_WAITING, Job, OperationQueue
from localcloud.healthcare.resources import (
    Json,
    dataset_of,
    not_found,
    present,
    rfc3339,
    utc_now,
)
from localcloud.state.database import Database

_log = logging.getLogger(__name__)

EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
OPERATION_METADATA = "type.googleapis.com/google.cloud.healthcare.v1.OperationMetadata"

_TABLES = (
    """
    CREATE TABLE healthcare_operations(
        name TEXT PRIMARY KEY, dataset TEXT NOT NULL, done INTEGER NOT NULL, body TEXT NOT NULL
    )
    """,
)

# google.rpc.Code
CANCELLED = 1
UNKNOWN = 2
NOT_FOUND = 5
ABORTED = 10
INTERNAL = 13

_BREATH_SECONDS = 0.5
_CANCELLED_MESSAGE = "the operation was cancelled; what it did until then remains"


class OperationFailed(Exception):
    """Ends an operation with a ``google.rpc.Status``; what it stored so far stays stored."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Progress:
    """What a running operation reports; counts are instances, or files that could not be one.

    ``secondary_success`` counts what a reference says it does: versions, for fhirStores.bulkDelete.
    """

    operations: Operations
    name: str
    pending: int = 0
    success: int = 0
    failure: int = 0
    secondary_success: int = 0
    cancelled: bool = False
    saved_at: float = field(default_factory=time.monotonic)

    def counter(self) -> Json:
        """Return Google's form: int64 as strings, and a zero count is absent."""
        counts = {
            "pending": self.pending,
            "success": self.success,
            "failure": self.failure,
            "secondarySuccess": self.secondary_success,
        }
        return present({key: str(value) for key, value in counts.items()})

    def save(self) -> None:
        """Publish the counts and learn whether somebody asked to cancel."""
        body = self.operations.update(self.name, counter=self.counter())
        self.cancelled = bool(body["metadata"].get("cancelRequested"))
        self.saved_at = time.monotonic()

    def checkpoint(self) -> None:
        """Publish the counts, and stop here when somebody asked to cancel.

        Raises
        ------
        OperationFailed
            With CANCELLED.
        """
        self.save()
        if self.cancelled:
            raise OperationFailed(CANCELLED, _CANCELLED_MESSAGE)

    def breathe(self) -> None:
        """Do as ``checkpoint``, but only now and then; for work in very small steps."""
        if time.monotonic() - self.saved_at > _BREATH_SECONDS:
            self.checkpoint()


Work = Callable[[Progress], Json]


class Operations:
    """Every operation of every dataset, in a table that outlives the process."""

    def __init__(self, database: Database, behaviour: BehaviourSwitch) -> None:
        self._database = database
        self._queue = OperationQueue(lambda: behaviour.current.operation_seconds)
        database.migrate("healthcare.operations", _TABLES)
        self._abort_unfinished()

    def _abort_unfinished(self) -> None:
        rows = self._database.read("SELECT name FROM healthcare_operations WHERE done = 0", ())
        for (name,) in rows:
            message = "the server stopped while the operation ran; start it again"
            self._finish(name, {"error": {"code": ABORTED, "message": message}})

    def finished(self, parent: str, api_method: str, response: Json) -> Json:
        """Record an operation whose work is already done, as dataset creation is."""
        return self._finish(self._create(parent, api_method), {"response": response})

    def start(self, parent: str, api_method: str, work: Work) -> Json:
        """Queue `work` and return the operation, of which only the name is told yet.

        Raises
        ------
        GoogleError
            429 when too many operations wait already.
        """
        if self._queue.is_full:
            message = f"{MAX_WAITING} operations wait to run; start this one when some have ended"
            raise GoogleError.of(429, message)
        name = self._create(parent, api_method)
        dataset = dataset_of(parent)
        # Google's services use each other as agents of the project, not as who called.
        agent = current().acting_for(healthcare_agent(dataset.split("/")[1]))
        self._queue.put(Job(name, dataset, lambda: self._run(name, work, agent)))
        return {"name": name}

    def cancel(self, name: str) -> None:
        """Ask an operation to stop; one that has not begun is over at once."""
        if self.get(name).get("done"):
            return
        self.update(name, cancelRequested=True)
        if self._queue.withdraw(name):
            self._finish(name, {"error": {"code": CANCELLED, "message": _CANCELLED_MESSAGE}})

    def get(self, name: str) -> Json:
        rows = self._database.read("SELECT body FROM healthcare_operations WHERE name = ?", (name,))
        if not rows:
            raise not_found("operation", name)
        return dict(json.loads(rows[0][0]))

    def find(
        self, dataset: str, where: str, arguments: Sequence[object], after: str, limit: int
    ) -> list[Json]:
        """Return at most `limit` operations of a dataset, by name, from the one after `after`.

        Parameters
        ----------
        where
            An SQL condition over ``name``, ``done`` and ``body``.
        """
        rows = self._database.read(
            "SELECT body FROM healthcare_operations WHERE dataset = ? AND name > ?"  # noqa: S608
            f" AND ({where}) ORDER BY name LIMIT ?",
            (dataset, after, *arguments, limit),
        )
        return [json.loads(row[0]) for row in rows]

    def update(self, name: str, **metadata: object) -> Json:
        """Set metadata fields; a value that is empty removes its field."""
        with self._database.write() as tx:
            row = tx.execute(
                "SELECT body FROM healthcare_operations WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                raise not_found("operation", name)
            body: Json = json.loads(row[0])
            for key, value in metadata.items():
                body["metadata"].pop(key, None)
                if value:
                    body["metadata"][key] = value
            tx.execute(
                "UPDATE healthcare_operations SET body = ? WHERE name = ?", (json.dumps(body), name)
            )
        return body

    def forget_dataset(self, tx: sqlite3.Connection, dataset: str) -> None:
        """Forget the operations of a dataset that is deleted; one that runs fails unseen."""
        tx.execute("DELETE FROM healthcare_operations WHERE dataset = ?", (dataset,))

    def _create(self, parent: str, api_method: str) -> str:
        dataset = dataset_of(parent)
        name = f"{dataset}/operations/{secrets.randbelow(10**19):019d}"
        project = dataset.split("/")[1]
        metadata = {
            "@type": OPERATION_METADATA,
            "apiMethodName": f"google.cloud.healthcare.v1.{api_method}",
            "createTime": rfc3339(utc_now()),
            "logsUrl": f"https://console.cloud.google.com/logs/query?project={project}",
        }
        body = json.dumps({"name": name, "metadata": metadata})
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO healthcare_operations VALUES(?, ?, 0, ?)", (name, dataset, body)
            )
        return name

    def _run(self, name: str, work: Work, agent: Caller) -> None:
        progress = Progress(self, name)
        try:
            with acting_as(agent):
                outcome: Json = {"response": work(progress)}
        except OperationFailed as failure:
            outcome = {"error": {"code": failure.code, "message": failure.message}}
        except GoogleError as error:
            outcome = {"error": {"code": error.rpc_code, "message": error.message}}
        except Exception as error:
            # An operation must end, whatever broke in it; no message may quote its data.
            _log.error("An operation broke: %s", trace_of(error))
            message = f"internal error ({type(error).__name__})"
            outcome = {"error": {"code": INTERNAL, "message": message}}
        # A server that stops closes its database first, and a dataset may be deleted meanwhile:
        # then there is nobody left to tell.
        with contextlib.suppress(sqlite3.ProgrammingError, GoogleError):
            self._finish(name, outcome, counter=progress.counter())

    def _finish(self, name: str, outcome: Json, **metadata: object) -> Json:
        with self._database.write() as tx:
            body = self.update(name, endTime=rfc3339(utc_now()), **metadata)
            body = {**body, "done": True, **outcome}
            tx.execute(
                "UPDATE healthcare_operations SET done = 1, body = ? WHERE name = ?",
                (json.dumps(body), name),
            )
        return body
