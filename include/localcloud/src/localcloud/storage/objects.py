"""Objects: generations, versions and the changes between them.

Every change is one transaction that checks its preconditions, changes rows and records its
notifications, so that concurrent callers see one order of events.
Source: https://cloud.google.com/storage/docs/object-versioning
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from localcloud.state.database import Database
from localcloud.storage import retention, soft_delete, versions
from localcloud.storage.buckets import Bucket, read_bucket
from localcloud.storage.contents import Contents
from localcloud.storage.notifications import EventType, Notifications
from localcloud.storage.object_reads import ObjectReads, Target, require_delete
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import (
    WRITABLE_FIELDS,
    Draft,
    ObjectVersion,
    check_object_name,
    merge,
    timestamp,
    writable,
)
from localcloud.storage.rules import check_fields, check_time_change, created_fields

_NO_CONDITIONS = Conditions()


class ObjectStore(ObjectReads):
    """The objects of all buckets and the changes of them."""

    def __init__(
        self, database: Database, contents: Contents, notifications: Notifications
    ) -> None:
        super().__init__(database, contents)
        self._notifications = notifications
        newest = database.read(
            "SELECT max(generation) AS newest FROM"
            " (SELECT generation FROM objects UNION ALL SELECT generation FROM soft_deleted)"
        )
        self._last_generation: int = newest[0]["newest"] or 0

    def insert(self, draft: Draft, conditions: Conditions = _NO_CONDITIONS) -> ObjectVersion:
        """Make stored bytes the live version of an object."""
        with self.change() as tx:
            return self.insert_within(tx, draft, conditions)

    def insert_within(
        self, tx: sqlite3.Connection, draft: Draft, conditions: Conditions = _NO_CONDITIONS
    ) -> ObjectVersion:
        """``insert`` as a part of a larger change."""
        bucket = read_bucket(tx, draft.bucket)
        check_object_name(draft.name)
        current = versions.find(tx, draft.bucket, draft.name)
        conditions.check_version(current)
        version = ObjectVersion(
            draft.bucket,
            draft.name,
            self._next_generation(),
            1,
            True,
            draft.blob.sha256,
            draft.blob.size,
            created_fields(bucket, draft),
        )
        attributes: dict[str, str] = {}
        if current is not None:
            require_delete(draft.bucket)
            attributes["overwroteGeneration"] = str(current.generation)
            self._retire(tx, bucket, current, replaced_by=version)
        self._contents.keep(tx, draft.blob)
        versions.write(tx, version)
        self._notifications.record(tx, EventType.FINALIZE, version, attributes)
        return version

    def change_fields(
        self,
        target: Target,
        request: Mapping[str, Any],
        *,
        replace_all: bool,
        override_unlocked: bool = False,
    ) -> ObjectVersion:
        """Patch (merge) or update (replace) the metadata that a caller may set."""
        with self.change() as tx:
            bucket = read_bucket(tx, target.bucket)
            old = self.select_within(tx, target)
            # The storage class changes only by rewriting the object.
            settable = WRITABLE_FIELDS - {"storageClass"}
            mutable = {k: v for k, v in request.items() if k in settable}
            if replace_all:
                kept = {k: v for k, v in old.fields.items() if k not in settable}
                fields = {**kept, **writable(mutable)}
            else:
                fields = merge(old.fields, mutable)
            retention.check_retention_change(old, fields, override_unlocked=override_unlocked)
            check_time_change(old.fields, fields)
            check_fields(bucket, fields)
            return self._rewrite_fields(tx, old, fields)

    def reclassify(self, version: ObjectVersion, storage_class: str) -> bool:
        """Change a storage class for a lifecycle rule; return whether the version still exists."""
        with self.change() as tx:
            old = versions.find(tx, version.bucket, version.name, version.generation)
            if old is None:
                return False
            changed = {"storageClass": storage_class, "timeStorageClassUpdated": timestamp()}
            self._rewrite_fields(tx, old, {**old.fields, **changed})
            return True

    def delete(self, target: Target) -> None:
        """Delete the live version, or one generation for good."""
        with self.change() as tx:
            version = self.select_within(tx, target)
            bucket = read_bucket(tx, target.bucket)
            self._retire(tx, bucket, version, for_good=target.generation is not None)

    def expire(self, version: ObjectVersion) -> bool:
        """Delete a version for a lifecycle rule, unless it changed, is held or is retained.

        A live version of a versioned bucket becomes noncurrent. Returns whether it was deleted.
        """
        with self.change() as tx:
            bucket = read_bucket(tx, version.bucket)
            old = versions.find(tx, version.bucket, version.name, version.generation)
            if old is None or old.live != version.live or retention.is_kept(bucket, old):
                return False
            self._retire(tx, bucket, old)
            return True

    def restore(self, target: Target) -> ObjectVersion:
        """Make a soft-deleted version live again, as a new generation.

        The soft-deleted one stays until its time is over.
        Source: https://cloud.google.com/storage/docs/use-soft-deleted-objects
        """
        with self.change() as tx:
            bucket, name, generation = target.bucket, target.name, target.generation
            read_bucket(tx, bucket)
            deleted = versions.required(
                versions.find(tx, bucket, name, generation, "soft_deleted"),
                bucket,
                name,
                generation,
            )
            return self.insert_within(tx, deleted.draft(), target.conditions)

    def write(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Store a live object, for the services that export to buckets.

        Raises
        ------
        GoogleError
            404 when the bucket does not exist.
        """
        self.insert(
            Draft(bucket, name, self._contents.put(memoryview(data)), {"contentType": content_type})
        )

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Hold one transaction and publish its notifications once it is committed."""
        with self._database.write() as tx:
            yield tx
        self._notifications.flush()

    def retire_within(self, tx: sqlite3.Connection, version: ObjectVersion) -> None:
        """Delete a live version as a part of a larger change."""
        self._retire(tx, read_bucket(tx, version.bucket), version)

    def select_within(self, tx: sqlite3.Connection, target: Target) -> ObjectVersion:
        """Return a version within a transaction.

        Raises
        ------
        GoogleError
            404 when it does not exist, 412 when a condition does not hold.
        """
        read_bucket(tx, target.bucket)
        version = versions.required(
            versions.find(tx, target.bucket, target.name, target.generation),
            target.bucket,
            target.name,
            target.generation,
        )
        target.conditions.check_version(version)
        return version

    def _rewrite_fields(
        self, tx: sqlite3.Connection, old: ObjectVersion, fields: Mapping[str, Any]
    ) -> ObjectVersion:
        fields = {**fields, "updated": timestamp()}
        new = replace(old, metageneration=old.metageneration + 1, fields=fields)
        versions.write(tx, new)
        self._notifications.record(tx, EventType.METADATA_UPDATE, new, {})
        return new

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
        retention.check_not_held(version)
        if bucket.versioned and version.live and not for_good:
            fields = {**version.fields, "timeDeleted": timestamp()}
            archived = replace(version, live=False, fields=fields)
            versions.write(tx, archived)
            self._notifications.record(tx, EventType.ARCHIVE, archived, attributes)
            return
        retention.check_retention(bucket, version)
        versions.remove(tx, version)
        if bucket.soft_delete_seconds:
            soft_delete.keep(tx, version, bucket.soft_delete_seconds)
        self._notifications.record(tx, EventType.DELETE, version, attributes)

    def _next_generation(self) -> int:
        # Microseconds, as on Google; two within one microsecond still differ.
        self._last_generation = max(self._last_generation + 1, time.time_ns() // 1000)
        return self._last_generation
