"""Rows of object versions: the queries that every change of an object is made of."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Literal

from localcloud.errors import not_found
from localcloud.storage.records import ObjectVersion

Table = Literal["objects", "soft_deleted"]


def selection(
    bucket: str, name: str, generation: int | None, table: Table = "objects"
) -> tuple[str, tuple[Any, ...]]:
    """Return the query of the live version, or of one generation, with its arguments."""
    sql = f"SELECT * FROM {table} WHERE bucket = ? AND name = ?"  # noqa: S608 - a fixed name
    if generation is None:
        return f"{sql} AND live", (bucket, name)
    return f"{sql} AND generation = ?", (bucket, name, generation)


def find(
    tx: sqlite3.Connection,
    bucket: str,
    name: str,
    generation: int | None = None,
    table: Table = "objects",
) -> ObjectVersion | None:
    """Return the live version or one generation, None when there is none."""
    row = tx.execute(*selection(bucket, name, generation, table)).fetchone()
    return ObjectVersion.of_row(row) if row else None


def required(
    version: ObjectVersion | None, bucket: str, name: str, generation: int | None = None
) -> ObjectVersion:
    """Return a version that must exist.

    Raises
    ------
    GoogleError
        404, naming the object.
    """
    if version is None:
        suffix = "" if generation is None else f"#{generation}"
        raise not_found(f"No such object: {bucket}/{name}{suffix}")
    return version


def write(tx: sqlite3.Connection, version: ObjectVersion) -> None:
    """Store a version, replacing what was stored of its generation."""
    tx.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _columns(version))


def remove(tx: sqlite3.Connection, version: ObjectVersion) -> None:
    """Delete the row of a version."""
    tx.execute(
        "DELETE FROM objects WHERE bucket = ? AND name = ? AND generation = ?",
        (version.bucket, version.name, version.generation),
    )


def write_soft_deleted(
    tx: sqlite3.Connection, version: ObjectVersion, hard_delete_seconds: float
) -> None:
    """Store a version among those that can still be restored, until a time (Unix seconds)."""
    tx.execute(
        "INSERT INTO soft_deleted VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*_columns(version), hard_delete_seconds),
    )


def _columns(version: ObjectVersion) -> tuple[Any, ...]:
    return (
        version.bucket,
        version.name,
        version.generation,
        version.metageneration,
        version.live,
        version.sha256,
        version.size,
        json.dumps(version.fields),
    )
