"""Long-running operations: stored, run on a thread, cancelled between batches.

Source: https://cloud.google.com/healthcare-api/docs/how-tos/long-running-operations
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.behaviour import BehaviourSwitch
from localcloud.errors import GoogleError
from localcloud.healthcare.resources import (
    Json,
    dataset_of,
    not_found,
    page,
    present,
    rfc3339,
    utc_now,
)
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.state.database import Database

EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
OPERATION_METADATA = "type.googleapis.com/google.cloud.healthcare.v1.OperationMetadata"

_TABLES = (
    """
    CREATE TABLE healthcare_operations(
        name TEXT PRIMARY KEY, dataset TEXT NOT NULL, done INTEGER NOT NULL, body TEXT NOT NULL
    )
    """,
)

_WAIT_STEP_SECONDS = 0.1

# google.rpc.Code
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
NOT_FOUND = 5
ABORTED = 10
INTERNAL = 13


class OperationFailed(Exception):
    """Ends an operation with a ``google.rpc.Status``; what it stored so far stays stored."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Progress:
    """What a running operation reports; counts are instances, or files that could not be one."""

    operations: Operations
    name: str
    pending: int = 0
    success: int = 0
    failure: int = 0
    cancelled: bool = False

    def counter(self) -> Json:
        """Return Google's form: int64 as strings, and a zero count is absent."""
        counts = {"pending": self.pending, "success": self.success, "failure": self.failure}
        return present({key: str(value) for key, value in counts.items()})

    def save(self) -> None:
        """Publish the counts and learn whether somebody asked to cancel."""
        body = self.operations.update(self.name, counter=self.counter())
        self.cancelled = bool(body["metadata"].get("cancelRequested"))


Work = Callable[[Progress], Json]


class Operations:
    """Every operation of every dataset, in a table that outlives the process."""

    def __init__(self, database: Database, behaviour: BehaviourSwitch) -> None:
        self._database = database
        self._behaviour = behaviour
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
        """Run `work` on a thread and return the operation, of which only the name is told yet."""
        name = self._create(parent, api_method)
        # A daemon, because the server may stop meanwhile: its next start aborts the operation.
        threading.Thread(target=self._run, args=(name, work), daemon=True).start()
        return {"name": name}

    def get(self, name: str) -> Json:
        rows = self._database.read("SELECT body FROM healthcare_operations WHERE name = ?", (name,))
        if not rows:
            raise not_found("operation", name)
        return json.loads(rows[0][0])

    def names(self, dataset: str) -> list[str]:
        rows = self._database.read(
            "SELECT name FROM healthcare_operations WHERE dataset = ? ORDER BY name", (dataset,)
        )
        return [row[0] for row in rows]

    def update(self, name: str, **metadata: object) -> Json:
        """Set metadata fields; a value that is empty removes its field."""
        with self._database.write() as tx:
            row = tx.execute(
                "SELECT body FROM healthcare_operations WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                raise not_found("operation", name)
            body = json.loads(row[0])
            for key, value in metadata.items():
                body["metadata"].pop(key, None)
                if value:
                    body["metadata"][key] = value
            tx.execute(
                "UPDATE healthcare_operations SET body = ? WHERE name = ?", (json.dumps(body), name)
            )
        return body

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

    def _run(self, name: str, work: Work) -> None:
        progress = Progress(self, name)
        try:
            self._wait(progress)
            outcome: Json = {"response": work(progress)}
        except OperationFailed as failure:
            outcome = {"error": {"code": failure.code, "message": failure.message}}
        except GoogleError as error:
            outcome = {"error": {"code": _rpc_code(error), "message": error.message}}
        except Exception as error:
            # An operation must end, whatever broke in it; the message may not quote its data.
            message = f"internal error ({type(error).__name__})"
            outcome = {"error": {"code": INTERNAL, "message": message}}
        # A server that stops closes its database first; the next start ends what is left here.
        with contextlib.suppress(sqlite3.ProgrammingError):
            self._finish(name, outcome, counter=progress.counter())

    def _wait(self, progress: Progress) -> None:
        """Be as slow to start as the behaviour in force says, or until somebody cancels."""
        started = time.monotonic()
        while time.monotonic() - started < self._behaviour.current.operation_seconds:
            progress.save()
            if progress.cancelled:
                raise OperationFailed(CANCELLED, "the operation was cancelled before it began")
            time.sleep(_WAIT_STEP_SECONDS)

    def _finish(self, name: str, outcome: Json, **metadata: object) -> Json:
        with self._database.write() as tx:
            body = self.update(name, endTime=rfc3339(utc_now()), **metadata)
            body = {**body, "done": True, **outcome}
            tx.execute(
                "UPDATE healthcare_operations SET done = 1, body = ? WHERE name = ?",
                (json.dumps(body), name),
            )
        return body


def _rpc_code(error: GoogleError) -> int:
    return {404: NOT_FOUND, 400: INVALID_ARGUMENT, 403: 7, 409: 6}.get(error.code, UNKNOWN)


class OperationMethods:
    """operations.get, list and cancel, at the names that start calls return."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    @serves("healthcare.projects.locations.datasets.operations.get")
    def get(self, call: Call) -> Reply:
        return Reply.json(self._operations.get(call.params["name"]))

    @serves("healthcare.projects.locations.datasets.operations.list")
    def list(self, call: Call) -> Reply:
        names, token = page(call, self._operations.names(call.params["name"]))
        body = {
            "operations": [self._operations.get(name) for name in names],
            "nextPageToken": token,
        }
        return Reply.json(present(body))

    @serves("healthcare.projects.locations.datasets.operations.cancel")
    def cancel(self, call: Call) -> Reply:
        """Ask the operation to stop; best effort, and without effect on one that is done."""
        if not self._operations.get(call.params["name"]).get("done"):
            self._operations.update(call.params["name"], cancelRequested=True)
        return Reply.json({})
