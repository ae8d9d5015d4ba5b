"""Objects: generations, versions and the changes between them.

Every change is one transaction that checks its preconditions, changes rows and records its
notifications, so that concurrent callers see one order of events.
Source: https://cloud.google.com/storage/docs/object-versioning
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from localcloud.errors import not_found
from localcloud.state.blobs import Blob, Blobs
from localcloud.state.database import Database
from localcloud.storage.buckets import Bucket, read_bucket
from localcloud.storage.notifications import EventType, Notifications
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import (
    ObjectVersion,
    check_object_name,
    merge,
    timestamp,
    writable,
)
from localcloud.storage.rules import check_not_held, check_retention, created_fields

_NO_CONDITIONS = Conditions()


class ObjectStore:
    """The objects of all buckets; also reads them for the services that import from buckets."""

    def __init__(self, database: Database, blobs: Blobs, notifications: Notifications) -> None:
        self._database = database
        self._blobs = blobs
        self._notifications = notifications
        newest = database.read("SELECT max(generation) AS newest FROM objects")[0]["newest"]
        self._last_generation: int = newest or 0

    def get(
        self,
        bucket: str,
        name: str,
        generation: int | None = None,
        conditions: Conditions = _NO_CONDITIONS,
    ) -> ObjectVersion:
        """Return the live version of an object, or a given generation.

        Raises
        ------
        GoogleError
            404 when it does not exist, 412 or 304 when a condition does not hold.
        """
        version = _required(self._rows(bucket, name, generation), bucket, name)
        conditions.check(version.generation, version.metageneration, reading=True)
        return version

    def check_target(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Check early that an upload could succeed now."""
        check_object_name(name)
        rows = self._rows(bucket, name, None)
        _check_against(ObjectVersion.of_row(rows[0]) if rows else None, conditions)

    def insert(
        self,
        bucket_name: str,
        name: str,
        blob: Blob,
        fields: Mapping[str, Any],
        conditions: Conditions = _NO_CONDITIONS,
        *,
        component_count: int | None = None,
    ) -> ObjectVersion:
        """Make stored bytes the live version of an object.

        Parameters
        ----------
        fields
            The object resource as the caller sent it.
        component_count
            Number of parts of a composed object; such an object has no MD5.
        """
        with self.change() as tx:
            return self.insert_within(
                tx,
                bucket_name,
                name,
                blob,
                fields=fields,
                conditions=conditions,
                component_count=component_count,
            )

    def insert_within(
        self,
        tx: sqlite3.Connection,
        bucket_name: str,
        name: str,
        blob: Blob,
        *,
        fields: Mapping[str, Any],
        conditions: Conditions,
        component_count: int | None = None,
    ) -> ObjectVersion:
        """``insert`` as a part of a larger change."""
        bucket = read_bucket(tx, bucket_name)
        check_object_name(name)
        current = _find(tx, bucket_name, name)
        _check_against(current, conditions)
        version = ObjectVersion(
            bucket_name,
            name,
            self._next_generation(),
            1,
            True,
            blob.sha256,
            blob.size,
            created_fields(bucket, blob, fields, component_count),
        )
        if current is not None:
            self._retire(tx, bucket, current, replaced_by=version)
        _write(tx, version)
        attributes = {} if current is None else {"overwroteGeneration": str(current.generation)}
        self._notifications.record(tx, EventType.FINALIZE, version, attributes)
        return version

    def change_fields(
        self,
        bucket: str,
        name: str,
        generation: int | None,
        request: Mapping[str, Any],
        conditions: Conditions,
        *,
        replace_all: bool,
    ) -> ObjectVersion:
        """Patch (merge) or update (replace) the metadata that a caller may set."""
        with self.change() as tx:
            read_bucket(tx, bucket)
            old = _required(_select(tx, bucket, name, generation), bucket, name)
            conditions.check(old.generation, old.metageneration)
            # The storage class changes only by rewriting the object.
            mutable = {k: v for k, v in request.items() if k != "storageClass"}
            if replace_all:
                fields = {k: v for k, v in old.fields.items() if k not in writable(old.fields)}
                fields["storageClass"] = old.fields["storageClass"]
                fields.update(writable(mutable))
            else:
                fields = merge(old.fields, {k: mutable[k] for k in mutable if _is_writable(k)})
            fields["updated"] = timestamp()
            new = replace(old, metageneration=old.metageneration + 1, fields=fields)
            _write(tx, new)
            self._notifications.record(tx, EventType.METADATA_UPDATE, new, {})
            return new

    def delete(
        self, bucket_name: str, name: str, generation: int | None, conditions: Conditions
    ) -> None:
        """Delete the live version, or one generation for good."""
        with self.change() as tx:
            bucket = read_bucket(tx, bucket_name)
            version = _required(_select(tx, bucket_name, name, generation), bucket_name, name)
            conditions.check(version.generation, version.metageneration)
            self._retire(tx, bucket, version, for_good=generation is not None)

    def list(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of all live objects below a prefix, sorted.

        Raises
        ------
        GoogleError
            404 when the bucket does not exist.
        """
        rows = self._database.read(
            "SELECT name FROM objects WHERE bucket = ? AND live AND name >= ?"
            " AND substr(name, 1, ?) = ? ORDER BY name",
            (bucket, prefix, len(prefix), prefix),
        )
        if not rows:
            self._require_bucket(bucket)
        return [row["name"] for row in rows]

    def read(self, bucket: str, name: str) -> bytes:
        """Return the content of a live object.

        Raises
        ------
        GoogleError
            404 when it does not exist.
        """
        return self._blobs.read(self.get(bucket, name).sha256)

    def write(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Store a live object, for the services that export to buckets.

        Raises
        ------
        GoogleError
            404 when the bucket does not exist.
        """
        self.insert(bucket, name, self._blobs.put(data), {"contentType": content_type})

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Hold one transaction and publish its notifications once it is committed."""
        with self._database.write() as tx:
            yield tx
        self._notifications.flush()

    def retire_within(self, tx: sqlite3.Connection, version: ObjectVersion) -> None:
        """Delete a live version as a part of a larger change."""
        self._retire(tx, read_bucket(tx, version.bucket), version)

    def select_within(
        self, tx: sqlite3.Connection, bucket: str, name: str, generation: int | None
    ) -> ObjectVersion:
        """Return a version within a transaction, or raise 404."""
        read_bucket(tx, bucket)
        return _required(_select(tx, bucket, name, generation), bucket, name)

    def _retire(
        self,
        tx: sqlite3.Connection,
        bucket: Bucket,
        version: ObjectVersion,
        *,
        replaced_by: ObjectVersion | None = None,
        for_good: bool = False,
    ) -> None:
        attributes = (
            {} if replaced_by is None else {"overwrittenByGeneration": str(replaced_by.generation)}
        )
        check_not_held(version)
        if bucket.versioned and version.live and not for_good:
            fields = {**version.fields, "timeDeleted": timestamp()}
            archived = replace(version, live=False, fields=fields)
            _write(tx, archived)
            self._notifications.record(tx, EventType.ARCHIVE, archived, attributes)
            return
        check_retention(bucket, version)
        tx.execute(
            "DELETE FROM objects WHERE bucket = ? AND name = ? AND generation = ?",
            (version.bucket, version.name, version.generation),
        )
        self._notifications.record(tx, EventType.DELETE, version, attributes)

    def _rows(self, bucket: str, name: str, generation: int | None) -> Sequence[sqlite3.Row]:
        rows = self._database.read(*_selection(bucket, name, generation))
        if not rows:
            self._require_bucket(bucket)
        return rows

    def _require_bucket(self, bucket: str) -> None:
        if not self._database.read("SELECT 1 FROM buckets WHERE name = ?", (bucket,)):
            raise not_found(f"The specified bucket does not exist: {bucket}.")

    def _next_generation(self) -> int:
        # Microseconds, as on Google; two within one microsecond still differ.
        self._last_generation = max(self._last_generation + 1, time.time_ns() // 1000)
        return self._last_generation


def _selection(bucket: str, name: str, generation: int | None) -> tuple[str, tuple[Any, ...]]:
    sql = "SELECT * FROM objects WHERE bucket = ? AND name = ?"
    if generation is None:
        return f"{sql} AND live", (bucket, name)
    return f"{sql} AND generation = ?", (bucket, name, generation)


def _select(
    tx: sqlite3.Connection, bucket: str, name: str, generation: int | None
) -> list[sqlite3.Row]:
    return tx.execute(*_selection(bucket, name, generation)).fetchall()


def _find(tx: sqlite3.Connection, bucket: str, name: str) -> ObjectVersion | None:
    rows = _select(tx, bucket, name, None)
    return ObjectVersion.of_row(rows[0]) if rows else None


def _required(rows: Sequence[sqlite3.Row], bucket: str, name: str) -> ObjectVersion:
    if not rows:
        raise not_found(f"No such object: {bucket}/{name}")
    return ObjectVersion.of_row(rows[0])


def _check_against(current: ObjectVersion | None, conditions: Conditions) -> None:
    if current is None:
        conditions.check(None, None)
    else:
        conditions.check(current.generation, current.metageneration)


def _write(tx: sqlite3.Connection, version: ObjectVersion) -> None:
    tx.execute(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            version.bucket,
            version.name,
            version.generation,
            version.metageneration,
            version.live,
            version.sha256,
            version.size,
            json.dumps(version.fields),
        ),
    )


def _is_writable(name: str) -> bool:
    return bool(writable({name: True}))
