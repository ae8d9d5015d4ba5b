"""The instances of every DICOM store: identifiers, searchable attributes, header and blob.

One row an instance. Columns hold what Google lets clients search on; everything else a search
returns comes from the stored header. Google's search lags behind: a row says since when it is
there and, once deleted, since when it is not, so that a search can be answered as of a moment ago
while retrieval by UID sees what is true now.
Source: https://cloud.google.com/healthcare-api/docs/dicom#search_transaction
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.behaviour import BehaviourSwitch
from localcloud.healthcare.dicom.header import first_value, header_text
from localcloud.healthcare.dicom.part10 import ParsedFile
from localcloud.state.blobs import Staged
from localcloud.state.database import Database

_TABLES = (
    """
    CREATE TABLE dicom_instances(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        store TEXT NOT NULL, study TEXT NOT NULL, series TEXT NOT NULL, instance TEXT NOT NULL,
        sop_class TEXT NOT NULL, transfer_syntax TEXT NOT NULL, modality TEXT NOT NULL,
        patient_id TEXT NOT NULL, patient_name TEXT NOT NULL, accession_number TEXT NOT NULL,
        referring_physician_name TEXT NOT NULL, study_date TEXT NOT NULL,
        sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, updated TEXT NOT NULL,
        header TEXT NOT NULL
    );
    CREATE UNIQUE INDEX dicom_instances_by_uid
        ON dicom_instances(store, study, series, instance);
    """,
    """
    ALTER TABLE dicom_instances ADD COLUMN stored_at REAL NOT NULL DEFAULT 0;
    ALTER TABLE dicom_instances ADD COLUMN deleted_at REAL;
    DROP INDEX dicom_instances_by_uid;
    CREATE UNIQUE INDEX dicom_instances_live
        ON dicom_instances(store, study, series, instance) WHERE deleted_at IS NULL;
    CREATE INDEX dicom_instances_dead ON dicom_instances(deleted_at)
        WHERE deleted_at IS NOT NULL;
    CREATE INDEX dicom_instances_searched ON dicom_instances(
        store, study, series, instance, stored_at, deleted_at, modality, patient_id, patient_name,
        accession_number, referring_physician_name, study_date
    );
    CREATE INDEX dicom_instances_by_patient ON dicom_instances(store, patient_id);
    CREATE INDEX dicom_instances_by_accession ON dicom_instances(store, accession_number);
    """,
)
_LIGHT_COLUMNS = (
    "id, store, study, series, instance, sop_class, transfer_syntax, modality, sha256, size_bytes,"
    " updated"
)


@dataclass(frozen=True)
class Instance:
    """A stored instance without its header; `updated` is RFC 3339, `size_bytes` the file's."""

    id: int
    store: str
    study: str
    series: str
    instance: str
    sop_class: str
    transfer_syntax: str
    modality: str
    sha256: str
    size_bytes: int
    updated: str

    @property
    def path(self) -> str:
        """The instance's path below ``dicomWeb/``."""
        return Scope(self.store, (self.study, self.series, self.instance)).path

    @property
    def name(self) -> str:
        """The full resource name, as notifications carry it."""
        return f"{self.store}/dicomWeb/{self.path}"


@dataclass(frozen=True)
class Scope:
    """A store, study, series or instance: UIDs from the left, as many as are given.

    ``where`` is of what a scope holds now, ``where_searched`` of what a search may know of it.
    """

    store: str
    uids: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The path below ``dicomWeb/``."""
        levels = ("studies", "series", "instances")
        return "/".join(f"{level}/{uid}" for level, uid in zip(levels, self.uids, strict=False))

    def where(self) -> tuple[str, list[str]]:
        """Return the SQL condition and its arguments."""
        return f"{self._named()} AND deleted_at IS NULL", [self.store, *self.uids]

    def where_searched(self, lag_seconds: float) -> tuple[str, list[str | float]]:
        """Return the condition for the rows that were there `lag_seconds` ago."""
        if lag_seconds <= 0:
            where, uids = self.where()
            return where, [*uids]
        seen = time.time() - lag_seconds
        when = "stored_at <= ? AND (deleted_at IS NULL OR deleted_at > ?)"
        return f"{self._named()} AND {when}", [self.store, *self.uids, seen, seen]

    def _named(self) -> str:
        columns = ("study", "series", "instance")[: len(self.uids)]
        return " AND ".join(["store = ?", *(f"{column} = ?" for column in columns)])


class Index:
    """The table of instances, as of now and as searches see it."""

    def __init__(self, database: Database, behaviour: BehaviourSwitch) -> None:
        self.database = database
        self.behaviour = behaviour
        database.migrate("healthcare.dicom", _TABLES)

    @property
    def lag_seconds(self) -> float:
        """How far searches are behind."""
        return self.behaviour.current.index_lag_seconds

    def find(self, tx: sqlite3.Connection, store: str, file: ParsedFile) -> Instance | None:
        """Return the instance that has a file's three UIDs, within a transaction."""
        where, arguments = Scope(store, (file.study, file.series, file.instance)).where()
        row = tx.execute(
            f"SELECT {_LIGHT_COLUMNS} FROM dicom_instances WHERE {where}",  # noqa: S608
            arguments,
        ).fetchone()
        return Instance(**dict(row)) if row else None

    def insert(
        self, tx: sqlite3.Connection, store: str, file: ParsedFile, blob: Staged, updated: str
    ) -> Instance:
        """Add an instance that the store does not have, within a transaction."""
        modality = first_value(file.header, "00080060")
        values = {
            "store": store,
            "study": file.study,
            "series": file.series,
            "instance": file.instance,
            "sop_class": file.sop_class,
            "transfer_syntax": file.transfer_syntax,
            "modality": modality,
            "patient_id": first_value(file.header, "00100020"),
            "patient_name": first_value(file.header, "00100010"),
            "accession_number": first_value(file.header, "00080050"),
            "referring_physician_name": first_value(file.header, "00080090"),
            "study_date": first_value(file.header, "00080020"),
            "sha256": blob.sha256,
            "size_bytes": blob.size,
            "updated": updated,
            "header": header_text(file.header),
            "stored_at": time.time(),
        }
        marks = ", ".join("?" * len(values))
        cursor = tx.execute(
            f"INSERT INTO dicom_instances({', '.join(values)}) VALUES({marks})",
            tuple(values.values()),
        )
        return Instance(
            cursor.lastrowid or 0,
            store,
            file.study,
            file.series,
            file.instance,
            file.sop_class,
            file.transfer_syntax,
            modality,
            blob.sha256,
            blob.size,
            updated,
        )

    def instances(self, scope: Scope) -> list[Instance]:
        """Return what a scope holds, oldest first."""
        where, arguments = scope.where()
        rows = self.database.read(
            f"SELECT {_LIGHT_COLUMNS} FROM dicom_instances WHERE {where} ORDER BY id",  # noqa: S608
            arguments,
        )
        return [Instance(**dict(row)) for row in rows]

    def headers(self, ids: Sequence[int]) -> list[str]:
        """Return stored header texts in the order of `ids`."""
        rows = self.database.read(
            "SELECT id, header FROM dicom_instances WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
        texts = {row["id"]: row["header"] for row in rows}
        return [texts[id_] for id_ in ids if id_ in texts]

    def delete(self, tx: sqlite3.Connection, scope: Scope) -> list[Instance]:
        """Delete what a scope holds and return it, within a transaction."""
        where, arguments = scope.where()
        rows = tx.execute(
            f"SELECT {_LIGHT_COLUMNS} FROM dicom_instances WHERE {where}",  # noqa: S608
            arguments,
        ).fetchall()
        now = time.time()
        tx.execute(
            f"UPDATE dicom_instances SET deleted_at = ? WHERE {where}",  # noqa: S608
            [now, *arguments],
        )
        tx.execute(
            "DELETE FROM dicom_instances WHERE deleted_at <= ?",
            (now - self.lag_seconds,),
        )
        return [Instance(**dict(row)) for row in rows]

    def forget_store(self, tx: sqlite3.Connection, store: str) -> None:
        tx.execute("DELETE FROM dicom_instances WHERE store = ?", (store,))

    def digests(self) -> set[str]:
        """Return the SHA-256 of every file that an instance refers to."""
        rows = self.database.read("SELECT sha256 FROM dicom_instances WHERE deleted_at IS NULL")
        return {row[0] for row in rows}

    def metrics(self, scope: Scope) -> dict[str, int]:
        """Count studies, series, instances and bytes of files and of headers."""
        where, arguments = scope.where()
        rows = self.database.read(
            "SELECT COUNT(DISTINCT study) AS studies,"  # noqa: S608
            " COUNT(DISTINCT study || '/' || series) AS series, COUNT(*) AS instances,"
            " COALESCE(SUM(size_bytes), 0) AS blob_bytes,"
            " COALESCE(SUM(LENGTH(CAST(header AS BLOB))), 0) AS header_bytes"
            f" FROM dicom_instances WHERE {where}",
            arguments,
        )
        return dict(rows[0])
