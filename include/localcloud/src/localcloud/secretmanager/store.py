"""Secrets and their versions.

Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from localcloud.errors import GoogleError, already_exists, invalid_argument, not_found
from localcloud.state.database import Database

LATEST = "latest"
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_WRITABLE = ("annotations", "expireTime", "labels", "replication", "rotation", "topics", "ttl")
_STEPS = (
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
)


@dataclass(frozen=True)
class Version:
    """One version of a secret; ``payload`` is gone once it is destroyed."""

    secret: str
    number: int
    state: str
    revision: int
    created: str
    destroyed: str | None
    payload: bytes | None

    @property
    def name(self) -> str:
        """The resource name, with the number also where the caller said ``latest``."""
        return f"{self.secret}/versions/{self.number}"

    def resource(self) -> dict[str, Any]:
        """Return the version as the API shows it."""
        shown: dict[str, Any] = {
            "name": self.name,
            "createTime": self.created,
            "destroyTime": self.destroyed,
            "state": self.state,
            "replicationStatus": {"automatic": {}},
            "etag": f'"{self.revision}"',
        }
        return {key: value for key, value in shown.items() if value is not None}


class SecretStore:
    """All secrets of all projects. Payloads lie unencrypted in the database file."""

    def __init__(self, database: Database) -> None:
        database.migrate("secretmanager", _STEPS)
        self._database = database

    def create(self, parent: str, secret_id: str | None, request: Mapping[str, Any]) -> Any:
        """Create a secret without versions.

        Raises
        ------
        GoogleError
            400 for a bad id or a missing replication, 409 when the secret exists.
        """
        if not _SECRET_ID.fullmatch(secret_id or ""):
            raise invalid_argument(
                f"Secret ID {secret_id!r} must be 1 to 255 letters, digits, '-' or '_'."
            )
        if not request.get("replication"):
            raise invalid_argument("Field 'secret.replication' is required.")
        name = f"{parent}/secrets/{secret_id}"
        resource = {key: request[key] for key in _WRITABLE if request.get(key)}
        resource["createTime"] = _now()
        try:
            with self._database.write() as tx:
                tx.execute("INSERT INTO secrets VALUES (?, 1, ?)", (name, json.dumps(resource)))
        except sqlite3.IntegrityError:
            raise already_exists(f"Secret [{name}] already exists.") from None
        return self.get(name)

    def get(self, name: str) -> dict[str, Any]:
        """Return a secret, or raise 404."""
        rows = self._database.read("SELECT * FROM secrets WHERE name = ?", (name,))
        if not rows:
            raise not_found(f"Secret [{name}] not found.")
        return _secret(rows[0])

    def page(self, parent: str, after: str, limit: int) -> list[dict[str, Any]]:
        """Return a project's secrets by name, beginning after a name."""
        start = f"{parent}/secrets/"
        rows = self._database.read(
            "SELECT * FROM secrets WHERE substr(name, 1, ?) = ? AND name > ? ORDER BY name LIMIT ?",
            (len(start), start, after, limit),
        )
        return [_secret(row) for row in rows]

    def patch(self, name: str, request: Mapping[str, Any], fields: list[str]) -> Any:
        """Replace the fields named; a field that is absent from the request is cleared."""
        if unknown := sorted(set(fields) - set(_WRITABLE)):
            raise invalid_argument(f"updateMask: {unknown[0]!r} cannot be changed.")
        with self._database.write() as tx:
            rows = tx.execute("SELECT * FROM secrets WHERE name = ?", (name,)).fetchall()
            if not rows:
                raise not_found(f"Secret [{name}] not found.")
            resource = json.loads(rows[0]["resource"])
            resource.update({key: request.get(key) for key in fields})
            kept = {key: value for key, value in resource.items() if value is not None}
            tx.execute(
                "UPDATE secrets SET resource = ?, revision = revision + 1 WHERE name = ?",
                (json.dumps(kept), name),
            )
        return self.get(name)

    def delete(self, name: str) -> None:
        """Remove a secret with all its versions, or raise 404."""
        with self._database.write() as tx:
            if tx.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount == 0:
                raise not_found(f"Secret [{name}] not found.")

    def add_version(self, secret: str, payload: bytes) -> Version:
        """Add an enabled version; numbers begin at 1 and are never used again."""
        with self._database.write() as tx:
            if not tx.execute("SELECT 1 FROM secrets WHERE name = ?", (secret,)).fetchone():
                raise not_found(f"Secret [{secret}] not found.")
            newest = tx.execute(
                "SELECT coalesce(max(number), 0) FROM versions WHERE secret = ?", (secret,)
            ).fetchone()[0]
            version = Version(secret, newest + 1, "ENABLED", 1, _now(), None, payload)
            _write(tx, version)
        return version

    def version(self, name: str) -> Version:
        """Return a version by number or ``latest``, or raise 404."""
        with self._database.write() as tx:
            return _find(tx, name)

    def versions(self, secret: str, below: int | None, limit: int) -> list[Version]:
        """Return a secret's versions, newest first, beginning below a number."""
        self.get(secret)
        rows = self._database.read(
            "SELECT * FROM versions WHERE secret = ? AND (? IS NULL OR number < ?)"
            " ORDER BY number DESC LIMIT ?",
            (secret, below, below, limit),
        )
        return [Version(**row) for row in map(dict, rows)]

    def set_state(self, name: str, state: str) -> Version:
        """Enable, disable or destroy a version.

        Raises
        ------
        GoogleError
            404 when it does not exist, 400 when it is destroyed already.
        """

        def changed(old: Version) -> Version:
            if old.state == "DESTROYED":
                raise unusable(old)
            new = replace(old, state=state, revision=old.revision + 1)
            if state != "DESTROYED":
                return new
            return replace(new, payload=None, destroyed=_now())

        return self._change(name, changed)

    def _change(self, name: str, change: Callable[[Version], Version]) -> Version:
        with self._database.write() as tx:
            new = change(_find(tx, name))
            _write(tx, new)
        return new


def unusable(version: Version) -> GoogleError:
    """400 for a version that is disabled or destroyed."""
    return GoogleError(
        400,
        "FAILED_PRECONDITION",
        f"Secret Version [{version.name}] is in {version.state} state.",
    )


def _find(tx: sqlite3.Connection, name: str) -> Version:
    secret, _, number = name.rpartition("/versions/")
    if number == LATEST:
        query = "SELECT * FROM versions WHERE secret = ? ORDER BY number DESC LIMIT 1"
        row = tx.execute(query, (secret,)).fetchone()
    else:
        query = "SELECT * FROM versions WHERE secret = ? AND number = ?"
        row = tx.execute(query, (secret, int(number) if number.isdigit() else 0)).fetchone()
    if row is None:
        raise not_found(f"Secret Version [{name}] not found.")
    return Version(**dict(row))


def _write(tx: sqlite3.Connection, version: Version) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            version.secret,
            version.number,
            version.state,
            version.revision,
            version.created,
            version.destroyed,
            version.payload,
        ),
    )


def _secret(row: sqlite3.Row) -> dict[str, Any]:
    return {"name": row["name"], **json.loads(row["resource"]), "etag": f'"{row["revision"]}"'}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
