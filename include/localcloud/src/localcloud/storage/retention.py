"""What keeps an object from being removed: holds, the bucket's retention period, its own retention.

Source: https://cloud.google.com/storage/docs/object-holds,
https://cloud.google.com/storage/docs/bucket-lock and
https://cloud.google.com/storage/docs/object-lock
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.errors import GoogleError, invalid_argument
from localcloud.storage.buckets import Bucket
from localcloud.storage.records import ObjectVersion, timestamp

_MODES = ("Unlocked", "Locked")


def check_not_held(version: ObjectVersion) -> None:
    """Raise 403 for an object under a hold."""
    if version.fields.get("temporaryHold") or version.fields.get("eventBasedHold"):
        raise GoogleError.of(
            403,
            f"Object '{version.bucket}/{version.name}' is under active hold and cannot be "
            "deleted, overwritten or archived until the hold is removed.",
            "objectUnderActiveHold",
        )


def check_retention(bucket: Bucket, version: ObjectVersion) -> None:
    """Raise 403 for an object that must still be kept."""
    if datetime.now(UTC) < (end := _kept_until(bucket, version)):
        raise GoogleError.of(
            403,
            f"Object '{version.bucket}/{version.name}' is subject to its bucket's retention policy "
            f"or its own retention and cannot be deleted or overwritten until {timestamp(end)}.",
            "retentionPolicyNotMet",
        )


def is_kept(bucket: Bucket, version: ObjectVersion) -> bool:
    """Whether a hold or a retention forbids to remove a version now."""
    try:
        check_not_held(version)
        check_retention(bucket, version)
    except GoogleError:
        return True
    return False


def check_retention_change(
    old: ObjectVersion, fields: Mapping[str, Any], *, override_unlocked: bool
) -> None:
    """Check that a patch does not weaken an object's own retention.

    Raises
    ------
    GoogleError
        400 for a retention that is incomplete, 403 for one that is weakened: never if locked,
        otherwise only with ``overrideUnlockedRetention``.
    """
    before, after = old.fields.get("retention"), fields.get("retention")
    if after is not None and (after.get("mode") not in _MODES or not after.get("retainUntilTime")):
        raise invalid_argument(
            f"Object retention needs a mode ({' or '.join(_MODES)}) and a retainUntilTime."
        )
    if before is None or not _is_weaker(after, before):
        return
    if before["mode"] == "Locked":
        raise _protected(old, "is locked: it can be prolonged, never shortened or removed")
    if not override_unlocked:
        raise _protected(old, "is only weakened with overrideUnlockedRetention=true")


def _kept_until(bucket: Bucket, version: ObjectVersion) -> datetime:
    created = datetime.fromisoformat(version.fields["timeCreated"])
    ends = [created + timedelta(seconds=bucket.retention_seconds)]
    if "retention" in version.fields:
        ends.append(_end(version.fields["retention"]))
    return max(ends)


def _is_weaker(after: Mapping[str, Any] | None, before: Mapping[str, Any]) -> bool:
    if after is None:
        return True
    unlocked = before["mode"] == "Locked" and after["mode"] != "Locked"
    return unlocked or _end(after) < _end(before)


def _end(retention: Mapping[str, Any]) -> datetime:
    try:
        end = datetime.fromisoformat(retention["retainUntilTime"])
    except ValueError:
        raise invalid_argument(
            f"Invalid retainUntilTime: {retention['retainUntilTime']!r}; give RFC 3339."
        ) from None
    return end if end.tzinfo else end.replace(tzinfo=UTC)


def _protected(version: ObjectVersion, rule: str) -> GoogleError:
    return GoogleError.of(403, f"The retention of object '{version.bucket}/{version.name}' {rule}.")
