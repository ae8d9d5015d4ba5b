"""Rows of resources, versions, index and references in SQLite.

Reads take the connection they read through, so that a transaction sees its own writes.
"""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.index import Row

# The status of a version that took another one's place in the history, as an import's do.
OVERWRITTEN = "overwritten"

Query = Callable[[str, Sequence[Any]], list[sqlite3.Row]]


@dataclass(frozen=True)
class Record:
    """The newest version of a resource; ``version`` is in microseconds since 1970."""

    key: int
    version: int
    deleted: bool
    resource: Json
    visible_at: int = 0

    @property
    def version_id(self) -> str:
        return version_id(self.version)


@dataclass(frozen=True)
class Version:
    """One entry of a history; ``resource`` is None for a deletion."""

    version: int
    verb: str
    status: str
    resource: Json | None


def version_id(version: int) -> str:
    """Spell a version; opaque, as Google's are, so that nobody counts on 1, 2, 3."""
    return base64.urlsafe_b64encode(str(version).encode()).decode().rstrip("=")


def version_number(text: str) -> int | None:
    """Return the version an id stands for, None when the store never made such an id."""
    try:
        number = int(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None
    return number if version_id(number) == text else None


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Records:
    """The rows of one FHIR store."""

    def __init__(self, store: str, query: Query) -> None:
        self.store = store
        self.query = query

    def get(self, resource_type: str, identifier: str) -> Record | None:
        """Return a resource, deleted ones included."""
        rows = self.query(
            "SELECT key, version, deleted, body, visible_at FROM fhir_resource"
            " WHERE store = ? AND type = ? AND id = ? AND replaced_at IS NULL",
            (self.store, resource_type, identifier),
        )
        return _record(rows[0]) if rows else None

    def ids_by_identifier(self, resource_type: str, system: str | None, value: str) -> list[str]:
        """Return the ids of at most two live resources that have an identifier.

        Parameters
        ----------
        system
            None matches every system, an empty text only identifiers without one.
        """
        clause, arguments = {
            None: ("", ()),
            "": (" AND i.system IS NULL", ()),
        }.get(system, (" AND i.system = ?", (system,)))
        rows = self.query(
            # The clause is one of the three above.
            "SELECT DISTINCT r.id FROM fhir_index i JOIN fhir_resource r ON r.key = i.resource"  # noqa: S608
            " WHERE i.parameter = 'identifier' AND i.value = ? AND r.store = ? AND r.type = ?"
            f" AND NOT r.deleted AND r.replaced_at IS NULL{clause} LIMIT 2",
            (value, self.store, resource_type, *arguments),
        )
        return [row["id"] for row in rows]

    def exists(self, resource_type: str, identifier: str, version: str | None) -> bool:
        """Whether a literal reference has a live target."""
        record = self.get(resource_type, identifier)
        if record is None or (record.deleted and version is None):
            return False
        return version is None or self.version(record.key, version) is not None

    def is_referenced(self, name: str, except_by: int) -> bool:
        """Whether a live resource, other than the one with that key, refers to ``Type/id``."""
        return bool(
            self.query(
                "SELECT 1 FROM fhir_reference f JOIN fhir_resource r ON r.key = f.resource"
                " WHERE f.target = ? AND r.store = ? AND NOT r.deleted AND r.key <> ? LIMIT 1",
                (name, self.store, except_by),
            )
        )

    def version(self, key: int, version: str) -> Version | None:
        """Return one version of a resource."""
        rows = self.query(
            "SELECT version, verb, status, body FROM fhir_version"
            " WHERE resource = ? AND version = ?",
            (key, version_number(version) or 0),
        )
        return _version(rows[0]) if rows else None

    def history(self, key: int) -> list[Version]:
        """Return all versions, newest first."""
        rows = self.query(
            "SELECT version, verb, status, body FROM fhir_version WHERE resource = ?"
            " ORDER BY version DESC",
            (key,),
        )
        return [_version(row) for row in rows]


@dataclass(frozen=True)
class State:
    """What a resource is from now on: its newest version and what it can be found by.

    ``targets`` are the resources it refers to; ``visible_at`` is when the lagging index shows it.
    """

    resource: Json
    version: int
    visible_at: int
    rows: Iterable[Row] = ()
    targets: Iterable[str] = ()
    deleted: bool = False


def save(tx: sqlite3.Connection, store: str, state: State, current: Record | None) -> int:
    """Write the newest state of a resource with its index; returns its key."""
    if current is None:
        key = _insert(tx, store, state)
    else:
        key = current.key
        _set_aside(tx, key, state)
        tx.execute(
            "UPDATE fhir_resource SET version = ?, deleted = ?, body = ?, visible_at = ?"
            " WHERE key = ?",
            (state.version, state.deleted, dumps(state.resource), state.visible_at, key),
        )
        tx.execute("DELETE FROM fhir_reference WHERE resource = ?", (key,))
    tx.executemany(
        "INSERT INTO fhir_index VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (key, row.parameter, row.system, row.value, row.low, row.high, row.place)
            for row in state.rows
        ],
    )
    tx.executemany(
        "INSERT INTO fhir_reference VALUES (?, ?)", [(key, target) for target in state.targets]
    )
    return key


def _insert(tx: sqlite3.Connection, store: str, state: State) -> int:
    resource = state.resource
    cursor = tx.execute(
        "INSERT INTO fhir_resource (store, type, id, version, deleted, body, visible_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            store,
            resource["resourceType"],
            resource["id"],
            state.version,
            state.deleted,
            dumps(resource),
            state.visible_at,
        ),
    )
    return int(cursor.lastrowid or 0)


def _set_aside(tx: sqlite3.Connection, key: int, successor: State) -> None:
    """Keep the present state, with its index rows, for searches until its successor is seen."""
    if successor.visible_at == successor.version:
        tx.execute("DELETE FROM fhir_index WHERE resource = ?", (key,))
        tx.execute(
            "DELETE FROM fhir_resource WHERE replaced_at IS NOT NULL AND (store, type, id) ="
            " (SELECT store, type, id FROM fhir_resource WHERE key = ?)",
            (key,),
        )
        return
    cursor = tx.execute(
        "INSERT INTO fhir_resource (store, type, id, version, deleted, body, visible_at,"
        " replaced_at, hidden_at) SELECT store, type, id, version, deleted, body, visible_at, ?, ?"
        " FROM fhir_resource WHERE key = ?",
        (successor.version, successor.visible_at, key),
    )
    tx.execute("UPDATE fhir_index SET resource = ? WHERE resource = ?", (cursor.lastrowid, key))


def forget_hidden(tx: sqlite3.Connection, now: int) -> None:
    """Remove the replaced states that no search can see any more."""
    tx.execute("DELETE FROM fhir_resource WHERE replaced_at IS NOT NULL AND hidden_at <= ?", (now,))


def save_version(tx: sqlite3.Connection, key: int, entry: Version) -> None:
    """Add one entry to a resource's history."""
    body = dumps(entry.resource) if entry.resource is not None else ""
    tx.execute(
        "INSERT INTO fhir_version VALUES (?, ?, ?, ?, ?)",
        (key, entry.version, entry.verb, entry.status, body),
    )


def purge(tx: sqlite3.Connection, record: Record) -> None:
    """Remove every version but the current one."""
    kept = -1 if record.deleted else record.version
    tx.execute("DELETE FROM fhir_version WHERE resource = ? AND version <> ?", (record.key, kept))
    if record.deleted:
        tx.execute("DELETE FROM fhir_resource WHERE key = ?", (record.key,))


def drop_store(tx: sqlite3.Connection, store: str) -> None:
    """Remove everything a FHIR store holds; for when the store itself is deleted."""
    tx.execute("DELETE FROM fhir_resource WHERE store = ?", (store,))
    tx.execute("DELETE FROM fhir_bulk_export WHERE store = ?", (store,))


def _record(row: sqlite3.Row) -> Record:
    body = json.loads(row["body"])
    return Record(row["key"], row["version"], bool(row["deleted"]), body, row["visible_at"])


def _version(row: sqlite3.Row) -> Version:
    body = json.loads(row["body"]) if row["body"] else None
    return Version(row["version"], row["verb"], row["status"], body)
