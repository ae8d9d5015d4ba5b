"""The storage class of each instance, a label here: every file lies in the same folder.

An instance that was never given one is STANDARD and has no row.
Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/StorageInfo
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from localcloud.healthcare.dicom.index import Instance
from localcloud.healthcare.resources import Json, invalid
from localcloud.state.database import Database

STANDARD = "STANDARD"
STORAGE_CLASSES = (STANDARD, "NEARLINE", "COLDLINE", "ARCHIVE")

_TABLES = (
    """
    CREATE TABLE dicom_storage_classes(
        instance INTEGER PRIMARY KEY, storage_class TEXT NOT NULL, updated TEXT NOT NULL
    )
    """,
)


def requested_class(settings: Json | None, default: str | None = None) -> str:
    """Return the class that ``blobStorageSettings`` asks for.

    Raises
    ------
    GoogleError
        400 when it is not a storage class, or is absent and there is no default.
    """
    value = (settings or {}).get("blobStorageClass") or "BLOB_STORAGE_CLASS_UNSPECIFIED"
    if value in STORAGE_CLASSES:
        return str(value)
    if value == "BLOB_STORAGE_CLASS_UNSPECIFIED" and default is not None:
        return default
    choices = ", ".join(STORAGE_CLASSES)
    raise invalid(
        f"invalid blob_storage_settings.blob_storage_class {value!r}: want one of {choices}"
    )


class StorageClasses:
    """Classes by instance id; an id is never used twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.migrate("healthcare.dicom_storage_classes", _TABLES)

    def of(self, instance: Instance) -> tuple[str, str]:
        """Return an instance's class and when it got it, as RFC 3339."""
        rows = self._database.read(
            "SELECT storage_class, updated FROM dicom_storage_classes WHERE instance = ?",
            (instance.id,),
        )
        return (rows[0][0], rows[0][1]) if rows else (STANDARD, instance.updated)

    def of_each(self, tx: sqlite3.Connection, instances: Sequence[Instance]) -> Mapping[int, str]:
        """Return the class of each instance by id, within a transaction."""
        rows = tx.execute(
            "SELECT instance, storage_class FROM dicom_storage_classes"
            " WHERE instance IN (SELECT value FROM json_each(?))",
            (_ids(instances),),
        )
        stored = {row[0]: str(row[1]) for row in rows}
        return {instance.id: stored.get(instance.id, STANDARD) for instance in instances}

    def set(
        self, tx: sqlite3.Connection, instances: Sequence[Instance], wanted: str, updated: str
    ) -> None:
        """Give instances a class, within a transaction."""
        tx.executemany(
            "INSERT OR REPLACE INTO dicom_storage_classes VALUES(?, ?, ?)",
            ((instance.id, wanted, updated) for instance in instances),
        )

    def forget(self, tx: sqlite3.Connection, instances: Sequence[Instance]) -> None:
        """Forget instances that are deleted, within a transaction."""
        tx.execute(
            "DELETE FROM dicom_storage_classes WHERE instance IN (SELECT value FROM json_each(?))",
            (_ids(instances),),
        )

    def forget_store(self, tx: sqlite3.Connection, store: str) -> None:
        """Forget a store's instances; to be called before the index forgets them."""
        tx.execute(
            "DELETE FROM dicom_storage_classes WHERE instance IN"
            " (SELECT id FROM dicom_instances WHERE store = ?)",
            (store,),
        )


def _ids(instances: Sequence[Instance]) -> str:
    return json.dumps([instance.id for instance in instances])
