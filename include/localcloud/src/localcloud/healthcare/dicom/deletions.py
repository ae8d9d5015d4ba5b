"""Studies and series that an operation is deleting, which meanwhile take no new instances.

Source: https://cloud.google.com/healthcare-api/docs/dicom#deletion
"""

from __future__ import annotations

import sqlite3

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.index import Index, Scope
from localcloud.healthcare.dicom.notifications import Action, Notifications
from localcloud.healthcare.operations import EMPTY, Operations, Progress
from localcloud.healthcare.resources import Json

_TABLES = (
    """
    CREATE TABLE dicom_deletions(
        operation TEXT PRIMARY KEY, store TEXT NOT NULL, study TEXT NOT NULL, series TEXT NOT NULL
    );
    """,
)


class Deletions:
    """Starts deletions and knows which are not done; a series is empty where the study goes."""

    def __init__(self, index: Index, notifications: Notifications, operations: Operations) -> None:
        self._index = index
        self._notifications = notifications
        self._operations = operations
        index.database.migrate("healthcare.dicom.deletions", _TABLES)

    def start(self, scope: Scope) -> Json:
        """Start the operation that deletes a study or a series."""
        verb = "DeleteStudy" if len(scope.uids) == 1 else "DeleteSeries"

        def work(progress: Progress) -> Json:
            progress.success = self.delete(scope)
            return EMPTY

        operation = self._operations.start(scope.store, f"dicom.DicomService.{verb}", work)
        study, series = (*scope.uids, "")[:2]
        with self._index.database.write() as tx:
            tx.execute(
                "INSERT INTO dicom_deletions VALUES(?, ?, ?, ?)",
                (operation["name"], scope.store, study, series),
            )
        return operation

    def delete(self, scope: Scope) -> int:
        """Delete what a scope holds at once and notify; return how many instances that were."""
        with self._index.database.write() as tx:
            deleted = self._index.delete(tx, scope)
            self._notifications.record(tx, scope.store, Action.DELETE, deleted)
        self._notifications.flush()
        return len(deleted)

    def under_way(self, tx: sqlite3.Connection, store: str) -> frozenset[tuple[str, str]]:
        """Return study and series of each deletion that is not done, within a transaction."""
        rows = tx.execute(
            "SELECT operation, study, series FROM dicom_deletions WHERE store = ?", (store,)
        ).fetchall()
        for row in rows:
            if self._is_done(row["operation"]):
                tx.execute("DELETE FROM dicom_deletions WHERE operation = ?", (row["operation"],))
        rest = tx.execute(
            "SELECT study, series FROM dicom_deletions WHERE store = ?", (store,)
        ).fetchall()
        return frozenset((row["study"], row["series"]) for row in rest)

    def _is_done(self, operation: str) -> bool:
        try:
            return bool(self._operations.get(operation).get("done"))
        except GoogleError:
            return True
