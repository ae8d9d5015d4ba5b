"""The instances of every DICOM store: identifiers, searchable attributes, header and blob.

One row an instance. Columns hold what Google lets clients search on; everything else a search
returns comes from the stored header.
Source: https://cloud.google.com/healthcare-api/docs/dicom#search_transaction
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.healthcare.dicom.header import first_value, header_text
from localcloud.healthcare.dicom.part10 import ParsedFile
from localcloud.state.blobs import Blob
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
        return f"studies/{self.study}/series/{self.series}/instances/{self.instance}"

    @property
    def name(self) -> str:
        """The full resource name, as notifications carry it."""
        return f"{self.store}/dicomWeb/{self.path}"


@dataclass(frozen=True)
class Scope:
    """A store, study, series or instance: UIDs from the left, as many as are given."""

    store: str
    uids: tuple[str, ...] = ()

    def where(self) -> tuple[str, list[str]]:
        """Return the SQL condition and its arguments."""
        columns = ("study", "series", "instance")[: len(self.uids)]
        condition = " AND ".join(["store = ?", *(f"{column} = ?" for column in columns)])
        return condition, [self.store, *self.uids]


class Index:
    """The table of instances."""

    def __init__(self, database: Database) -> None:
        self.database = database
        database.migrate("healthcare.dicom", _TABLES)

    def find(self, tx: sqlite3.Connection, store: str, file: ParsedFile) -> Instance | None:
        """Return the instance that has a file's three UIDs, within a transaction."""
        where, arguments = Scope(store, (file.study, file.series, file.instance)).where()
        row = tx.execute(
            f"SELECT {_LIGHT_COLUMNS} FROM dicom_instances WHERE {where}",  # noqa: S608
            arguments,
        ).fetchone()
        return Instance(**dict(row)) if row else None

    def insert(
        self, tx: sqlite3.Connection, store: str, file: ParsedFile, blob: Blob, updated: str
    ) -> Instance:
        cursor = tx.execute(
            "INSERT INTO dicom_instances(store, study, series, instance, sop_class,"
            " transfer_syntax, modality, patient_id, patient_name, accession_number,"
            " referring_physician_name, study_date, sha256, size_bytes, updated, header)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                store,
                file.study,
                file.series,
                file.instance,
                file.sop_class,
                file.transfer_syntax,
                modality := first_value(file.header, "00080060"),
                first_value(file.header, "00100020"),
                first_value(file.header, "00100010"),
                first_value(file.header, "00080050"),
                first_value(file.header, "00080090"),
                first_value(file.header, "00080020"),
                blob.sha256,
                blob.size,
                updated,
                header_text(file.header),
            ),
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
            f"DELETE FROM dicom_instances WHERE {where} RETURNING {_LIGHT_COLUMNS}",  # noqa: S608
            arguments,
        ).fetchall()
        return [Instance(**dict(row)) for row in rows]

    def forget_store(self, tx: sqlite3.Connection, store: str) -> None:
        tx.execute("DELETE FROM dicom_instances WHERE store = ?", (store,))

    def digests(self) -> set[str]:
        """Return the SHA-256 of every file that an instance refers to."""
        return {row[0] for row in self.database.read("SELECT sha256 FROM dicom_instances")}

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
