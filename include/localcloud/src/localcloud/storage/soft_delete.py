"""Soft delete: what is deleted or overwritten can be restored for a while.

Source: https://cloud.google.com/storage/docs/soft-delete
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.errors import invalid_argument
from localcloud.state.database import Database
from localcloud.storage import versions
from localcloud.storage.records import ObjectVersion, timestamp

DEFAULT_SECONDS = 7 * 24 * 3600
_DAY_SECONDS = 24 * 3600
_MIN_SECONDS = 7 * _DAY_SECONDS
_MAX_SECONDS = 90 * _DAY_SECONDS


def checked_policy(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a bucket's soft delete policy as it is stored; without one, Google's default.

    Raises
    ------
    GoogleError
        400 for a duration that is neither 0 nor 7 to 90 days.
    """
    given = (policy or {}).get("retentionDurationSeconds")
    seconds = DEFAULT_SECONDS if given is None else int(given)
    if seconds != 0 and not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
        raise invalid_argument(
            f"Invalid softDeletePolicy.retentionDurationSeconds: {seconds}. "
            f"Give 0 to switch soft delete off, or {_MIN_SECONDS} to {_MAX_SECONDS} seconds."
        )
    return {"retentionDurationSeconds": str(seconds), "effectiveTime": timestamp()}


def keep(tx: sqlite3.Connection, version: ObjectVersion, retention_seconds: int) -> None:
    """Store a version that is being removed, so that it can be restored."""
    now = datetime.now(UTC)
    end = now + timedelta(seconds=retention_seconds)
    fields = {
        **version.fields,
        "softDeleteTime": timestamp(now),
        "hardDeleteTime": timestamp(end),
    }
    versions.write_soft_deleted(tx, replace(version, live=False, fields=fields), end.timestamp())


def purge(database: Database, at: datetime) -> int:
    """Remove for good what was kept long enough; return the number of versions."""
    with database.write() as tx:
        return tx.execute(
            "DELETE FROM soft_deleted WHERE hard_delete_seconds <= ?", (at.timestamp(),)
        ).rowcount
