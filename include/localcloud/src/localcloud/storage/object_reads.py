"""Objects as they are now, for callers and for the services that import from buckets."""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.auth import caller
from localcloud.errors import not_found
from localcloud.state.database import Database
from localcloud.storage import versions
from localcloud.storage.contents import Contents
from localcloud.storage.preconditions import Conditions
from localcloud.storage.records import ObjectVersion, check_object_name

_NO_CONDITIONS = Conditions()
_DELETE = "storage.objects.delete"


@dataclass(frozen=True)
class Target:
    """Which version a caller names, and what must hold of it."""

    bucket: str
    name: str
    generation: int | None = None
    conditions: Conditions = _NO_CONDITIONS


class ObjectReads:
    """Reads versions of objects, each from what is committed."""

    def __init__(self, database: Database, contents: Contents) -> None:
        self._database = database
        self._contents = contents

    def get(self, target: Target, *, soft_deleted: bool = False) -> ObjectVersion:
        """Return the live version of an object, a given generation, or one that was deleted.

        Raises
        ------
        GoogleError
            404 when it does not exist, 412 or 304 when a condition does not hold.
        """
        table: versions.Table = "soft_deleted" if soft_deleted else "objects"
        version = self._read(target, table)
        required = versions.required(version, target.bucket, target.name, target.generation)
        target.conditions.check(required.generation, required.metageneration, reading=True)
        return required

    def check_target(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Check early that an upload could succeed now."""
        check_object_name(name)
        found = self._read(Target(bucket, name))
        conditions.check_version(found)
        if found is not None:
            require_delete(bucket)

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
        return self._contents.read(self.get(Target(bucket, name)).sha256)

    def size(self, bucket: str, name: str) -> int:
        """Return how many bytes a live object has, so that a reader can bound what it reads.

        Raises
        ------
        GoogleError
            404 when it does not exist.
        """
        return self.get(Target(bucket, name)).size

    def _read(self, target: Target, table: versions.Table = "objects") -> ObjectVersion | None:
        rows = self._database.read(
            *versions.selection(target.bucket, target.name, target.generation, table)
        )
        if not rows:
            self._require_bucket(target.bucket)
            return None
        return ObjectVersion.of_row(rows[0])

    def _require_bucket(self, bucket: str) -> None:
        if not self._database.read("SELECT 1 FROM buckets WHERE name = ?", (bucket,)):
            raise not_found(f"The specified bucket does not exist: {bucket}.")


def may_replace(bucket: str) -> bool:
    """Return whether the caller may replace objects of a bucket, not only create some."""
    return caller.current().allows(_DELETE, f"projects/_/buckets/{bucket}")


def require_delete(bucket: str) -> None:
    """Refuse to replace an object to a caller that may only create some.

    Source: https://cloud.google.com/storage/docs/access-control/iam-json (note on objects.insert)
    """
    caller.current().require(_DELETE, f"projects/_/buckets/{bucket}")
