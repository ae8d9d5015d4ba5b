"""Buckets: their rules and their rows.

Source: https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.errors import GoogleError, already_exists, not_found
from localcloud.state.database import Database
from localcloud.storage import bucket_rules
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import entity_tag


@dataclass(frozen=True)
class Bucket:
    """A bucket as stored."""

    name: str
    metageneration: int
    fields: Mapping[str, Any]

    @property
    def versioned(self) -> bool:
        """Whether an object that is replaced or deleted stays as a noncurrent version."""
        return bool(self.fields.get("versioning", {}).get("enabled"))

    @property
    def retention_seconds(self) -> int:
        """How long after its creation an object may be neither replaced nor deleted."""
        return int(self.fields.get("retentionPolicy", {}).get("retentionPeriod", 0))

    @property
    def soft_delete_seconds(self) -> int:
        """How long what is deleted can be restored; 0 when it is gone at once."""
        return int(self.fields.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))

    @property
    def object_retention(self) -> bool:
        """Whether an object may have a retention of its own."""
        return "objectRetention" in self.fields

    def resource(self, base_url: str) -> dict[str, Any]:
        """Return the bucket as the JSON API shows it."""
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "selfLink": f"{base_url}/storage/v1/b/{self.name}",
            "name": self.name,
            "metageneration": str(self.metageneration),
            "etag": entity_tag(self.metageneration),
            **self.fields,
        }


class BucketStore:
    """The buckets of all projects; names are global, as on Google."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Bucket:
        """Return a bucket.

        Raises
        ------
        GoogleError
            404 when it does not exist.
        """
        rows = self._database.read("SELECT * FROM buckets WHERE name = ?", (name,))
        return _required(rows, name)

    def all(self) -> list[Bucket]:
        """Return the buckets of all projects."""
        return [_of_row(row) for row in self._database.read("SELECT * FROM buckets ORDER BY name")]

    def list(self, project: str, prefix: str, after: str, limit: int) -> list[Bucket]:
        """Return a project's buckets by name, beginning after a name."""
        rows = self._database.read(
            "SELECT * FROM buckets WHERE project = ? AND name > ? AND substr(name, 1, ?) = ?"
            " ORDER BY name LIMIT ?",
            (project, after, len(prefix), prefix, limit),
        )
        return [_of_row(row) for row in rows]

    def insert(
        self, project: str, request: Mapping[str, Any], *, object_retention: bool = False
    ) -> Bucket:
        """Create a bucket, for objects with a retention of their own if so asked.

        Raises
        ------
        GoogleError
            400 for a name that is not allowed, 409 when it is taken.
        """
        name = bucket_rules.checked_name(request.get("name"))
        fields = bucket_rules.created_fields(project, request, object_retention=object_retention)
        with self._database.write() as tx:
            try:
                tx.execute(
                    "INSERT INTO buckets (name, project, metageneration, resource)"
                    " VALUES (?, ?, 1, ?)",
                    (name, project, json.dumps(fields)),
                )
            except sqlite3.IntegrityError:
                raise already_exists(
                    "Your previous request to create the named bucket succeeded and you already "
                    f"own it: {name}."
                ) from None
        return Bucket(name, 1, fields)

    def patch(self, name: str, request: Mapping[str, Any], conditions: Conditions) -> Bucket:
        """Merge the fields given into a bucket; null removes one."""
        return self._change(name, conditions, lambda old: bucket_rules.patched_fields(old, request))

    def update(self, name: str, request: Mapping[str, Any], conditions: Conditions) -> Bucket:
        """Replace all fields that can be changed."""
        return self._change(
            name, conditions, lambda old: bucket_rules.replaced_fields(old, request)
        )

    def lock_retention(self, name: str, conditions: Conditions) -> Bucket:
        """Lock a bucket's retention policy.

        Source: https://cloud.google.com/storage/docs/json_api/v1/buckets/lockRetentionPolicy
        """
        return self._change(name, conditions, bucket_rules.locked_fields)

    def delete(self, name: str, conditions: Conditions) -> None:
        """Remove an empty bucket.

        Raises
        ------
        GoogleError
            409 while it holds an object, a noncurrent version included.
        """
        with self._database.write() as tx:
            bucket = read_bucket(tx, name)
            conditions.check(None, bucket.metageneration)
            if tx.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise GoogleError.of(
                    409,
                    f"The bucket you tried to delete is not empty: {name}. "
                    "Delete its objects first, noncurrent versions included.",
                )
            tx.execute("DELETE FROM uploads WHERE bucket = ?", (name,))
            tx.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def project(self, name: str) -> str:
        """Return the project of an existing bucket."""
        self.get(name)
        rows = self._database.read("SELECT project FROM buckets WHERE name = ?", (name,))
        return str(rows[0]["project"])

    def policy(self, name: str) -> dict[str, Any] | None:
        """Return the stored IAM policy of an existing bucket."""
        self.get(name)
        rows = self._database.read("SELECT policy FROM buckets WHERE name = ?", (name,))
        return json.loads(rows[0]["policy"]) if rows and rows[0]["policy"] else None

    def change_policy(
        self, name: str, change: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> dict[str, Any]:
        """Replace the IAM policy of a bucket by what ``change`` makes of it."""
        with self._database.write() as tx:
            read_bucket(tx, name)
            row = tx.execute("SELECT policy FROM buckets WHERE name = ?", (name,)).fetchone()
            policy = change(json.loads(row["policy"]) if row["policy"] else None)
            tx.execute("UPDATE buckets SET policy = ? WHERE name = ?", (json.dumps(policy), name))
        return policy

    def _change(
        self,
        name: str,
        conditions: Conditions,
        change: Callable[[Mapping[str, Any]], dict[str, Any]],
    ) -> Bucket:
        with self._database.write() as tx:
            old = read_bucket(tx, name)
            conditions.check(None, old.metageneration)
            fields = change(old.fields)
            tx.execute(
                "UPDATE buckets SET resource = ?, metageneration = ? WHERE name = ?",
                (json.dumps(fields), old.metageneration + 1, name),
            )
        return Bucket(name, old.metageneration + 1, fields)


def read_bucket(tx: sqlite3.Connection, name: str) -> Bucket:
    """Return a bucket within a transaction, or raise 404."""
    return _required(tx.execute("SELECT * FROM buckets WHERE name = ?", (name,)).fetchall(), name)


def _required(rows: list[sqlite3.Row], name: str) -> Bucket:
    if not rows:
        raise not_found(f"The specified bucket does not exist: {name}.")
    return _of_row(rows[0])


def _of_row(row: sqlite3.Row) -> Bucket:
    return Bucket(row["name"], row["metageneration"], json.loads(row["resource"]))
