"""Secrets and versions as rows, and as the API shows them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import astuple, dataclass
from typing import Any

from localcloud.errors import invalid_argument, not_found
from localcloud.secretmanager.rules import LATEST

Json = dict[str, Any]

_MAX_DIGITS = 18
STEPS = (
    """
    CREATE TABLE secrets (
      name TEXT PRIMARY KEY,
      revision INTEGER NOT NULL,
      resource TEXT NOT NULL
    );
    CREATE TABLE versions (
      secret TEXT NOT NULL REFERENCES secrets (name) ON DELETE CASCADE,
      number INTEGER NOT NULL,
      state TEXT NOT NULL,
      revision INTEGER NOT NULL,
      created TEXT NOT NULL,
      destroyed TEXT,
      payload BLOB,
      PRIMARY KEY (secret, number)
    )
    """,
    """
    ALTER TABLE secrets ADD COLUMN expires REAL;
    ALTER TABLE versions ADD COLUMN scheduled TEXT;
    ALTER TABLE versions ADD COLUMN checked INTEGER NOT NULL DEFAULT 0
    """,
)


@dataclass(frozen=True)
class Version:
    """One version of a secret; ``payload`` is gone once it is destroyed.

    ``scheduled`` is when it will be destroyed, ``checked`` whether its caller sent a checksum.
    """

    secret: str
    number: int
    state: str
    revision: int
    created: str
    destroyed: str | None
    payload: bytes | None
    scheduled: str | None
    checked: bool

    @property
    def name(self) -> str:
        """The resource name, with the number also where the caller said ``latest``."""
        return f"{self.secret}/versions/{self.number}"

    def resource(self, replication: Json) -> Json:
        """Return the version as the API shows it."""
        shown = {
            "name": self.name,
            "createTime": self.created,
            "destroyTime": self.destroyed,
            "scheduledDestroyTime": self.scheduled,
            "state": self.state,
            "replicationStatus": _status(replication),
            "clientSpecifiedPayloadChecksum": True if self.checked else None,
            "etag": _etag(self.name, self.created, self.revision),
        }
        return {key: value for key, value in shown.items() if value is not None}


def find_secret(tx: sqlite3.Connection, name: str) -> tuple[Json, int]:
    """Return a secret as stored and its revision, or raise 404."""
    row = tx.execute("SELECT * FROM secrets WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise not_found(f"Secret [{name}] not found.")
    return json.loads(row["resource"]), row["revision"]


def shown_secret(name: str, resource: Json, revision: int) -> Json:
    """Return a secret as the API shows it."""
    return {"name": name, **resource, "etag": _etag(name, resource["createTime"], revision)}


def find_version(tx: sqlite3.Connection, name: str, by_alias: bool) -> Version:
    """Return a version by its number, and where allowed by alias or ``latest``, or raise 404.

    ``latest`` is the newest version, whatever its state.
    Source: https://cloud.google.com/secret-manager/docs/access-secret-version
    """
    secret, _, wanted = name.rpartition("/versions/")
    if not wanted.isdigit() and not by_alias:
        raise invalid_argument(f"[{name}]: name the version by its number here.")
    number = _number(tx, secret, wanted)
    row = tx.execute(
        "SELECT * FROM versions WHERE secret = ? AND number = ?", (secret, number)
    ).fetchone()
    if row is None:
        if wanted == LATEST:
            raise not_found(f"Secret [{secret}] not found or has no versions.")
        raise not_found(f"Secret Version [{name}] not found.")
    return read_version(row)


def _number(tx: sqlite3.Connection, secret: str, wanted: str) -> int | None:
    if wanted == LATEST:
        sql = "SELECT max(number) FROM versions WHERE secret = ?"
        newest: int | None = tx.execute(sql, (secret,)).fetchone()[0]
        return newest
    if not wanted.isdigit():
        wanted = str(find_secret(tx, secret)[0].get("versionAliases", {}).get(wanted, ""))
    return int(wanted) if 0 < len(wanted) <= _MAX_DIGITS else None


def read_version(row: sqlite3.Row) -> Version:
    """Return a row as a version."""
    return Version(**{**dict(row), "checked": bool(row["checked"])})


def write_version(tx: sqlite3.Connection, version: Version) -> None:
    """Store a version, new or changed."""
    tx.execute(
        "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(version)
    )


def _status(replication: Json) -> Json:
    if "userManaged" not in replication:
        return {"automatic": {}}
    replicas = replication["userManaged"]["replicas"]
    return {"userManaged": {"replicas": [{"location": r["location"]} for r in replicas]}}


def _etag(name: str, created: str, revision: int) -> str:
    # A secret that is deleted and made anew must not get an etag that its predecessor had.
    digest = hashlib.sha256(f"{name} {created} {revision}".encode()).hexdigest()
    return f'"{digest[:14]}"'
