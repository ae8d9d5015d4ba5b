"""What a new object carries, and what keeps an old one from being removed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.errors import GoogleError
from localcloud.state.blobs import Blob
from localcloud.storage.buckets import Bucket
from localcloud.storage.records import ObjectVersion, timestamp, writable

_DEFAULT_CONTENT_TYPE = "application/octet-stream"


def created_fields(
    bucket: Bucket, blob: Blob, given: Mapping[str, Any], component_count: int | None
) -> dict[str, Any]:
    """Return the stored resource of a new generation: the caller's fields and the server's."""
    now = timestamp()
    default_class = bucket.fields.get("storageClass", "STANDARD")
    fields = {
        "contentType": _DEFAULT_CONTENT_TYPE,
        "storageClass": default_class,
        "eventBasedHold": bucket.fields.get("defaultEventBasedHold") or None,
        **writable(given),
        "crc32c": blob.crc32c_b64,
        "md5Hash": blob.md5_b64 if component_count is None else None,
        "componentCount": component_count,
        "timeCreated": now,
        "updated": now,
        "timeStorageClassUpdated": now,
        "timeFinalized": now,
    }
    return {key: value for key, value in fields.items() if value is not None}


def check_not_held(version: ObjectVersion) -> None:
    """Raise 403 for an object under a hold.

    Source: https://cloud.google.com/storage/docs/object-holds
    """
    if version.fields.get("temporaryHold") or version.fields.get("eventBasedHold"):
        raise GoogleError.of(
            403,
            f"Object '{version.bucket}/{version.name}' is under active hold and cannot be "
            "deleted, overwritten or archived until the hold is removed.",
            "objectUnderActiveHold",
        )


def check_retention(bucket: Bucket, version: ObjectVersion) -> None:
    """Raise 403 for an object younger than its bucket's retention period.

    Source: https://cloud.google.com/storage/docs/bucket-lock
    """
    created = datetime.fromisoformat(version.fields["timeCreated"])
    expires = created + timedelta(seconds=bucket.retention_seconds)
    if datetime.now(UTC) < expires:
        raise GoogleError.of(
            403,
            f"Object '{version.bucket}/{version.name}' is subject to bucket's retention policy "
            f"and cannot be deleted, overwritten or archived until {expires.isoformat()}.",
            "retentionPolicyNotMet",
        )
