"""What a new object carries, and what a caller may set of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from localcloud.errors import invalid_argument
from localcloud.storage.buckets import Bucket
from localcloud.storage.records import Draft, timestamp, writable

STORAGE_CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
"""Dearest to keep first. Source: https://cloud.google.com/storage/docs/storage-classes"""
LEGACY_CLASSES = frozenset({"MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"})

_DEFAULT_CONTENT_TYPE = "application/octet-stream"
_MAX_METADATA_BYTES = 8 << 10
_KEY = re.compile(
    r"(?P<key>projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)"
    r"(?:/cryptoKeyVersions/(?P<version>\d+))?"
)


def created_fields(bucket: Bucket, draft: Draft) -> dict[str, Any]:
    """Return the stored resource of a new generation: the caller's fields and the server's.

    Raises
    ------
    GoogleError
        400 when the caller's fields cannot be.
    """
    now = timestamp()
    default_class = bucket.fields.get("storageClass", "STANDARD")
    fields = {
        "contentType": _DEFAULT_CONTENT_TYPE,
        "storageClass": default_class,
        "eventBasedHold": bucket.fields.get("defaultEventBasedHold") or None,
        **writable(draft.fields),
        "crc32c": draft.blob.crc32c_b64,
        "md5Hash": draft.blob.md5_b64 or None,
        "componentCount": draft.component_count,
        "customerEncryption": draft.encryption,
        "kmsKeyName": None if draft.encryption else _managed_key(bucket, draft),
        "timeCreated": now,
        "updated": now,
        "timeStorageClassUpdated": now,
        "timeFinalized": now,
    }
    kept = {key: value for key, value in fields.items() if value is not None}
    check_fields(bucket, kept)
    return kept


def _managed_key(bucket: Bucket, draft: Draft) -> str | None:
    """Return the version of the Cloud KMS key that a new generation is said to lie under.

    Source: https://cloud.google.com/storage/docs/encryption/customer-managed-keys
    """
    default = (bucket.fields.get("encryption") or {}).get("defaultKmsKeyName")
    key = draft.fields.get("kmsKeyName") or default
    if key is None:
        return None
    if (match := _KEY.fullmatch(key)) is None:
        raise invalid_argument(
            f"Invalid Cloud KMS key {key!r}; give projects/P/locations/L/keyRings/R/cryptoKeys/K."
        )
    return f"{match['key']}/cryptoKeyVersions/{match['version'] or 1}"


def check_fields(bucket: Bucket, fields: Mapping[str, Any]) -> None:
    """Check what a caller may set of an object.

    Raises
    ------
    GoogleError
        400 for metadata above 8 KiB, an unknown storage class, or a retention in a bucket that
        was not created for it. Source: https://cloud.google.com/storage/quotas#objects
    """
    metadata = fields.get("metadata", {})
    size = sum(len(f"{key}{value}".encode()) for key, value in metadata.items())
    if size > _MAX_METADATA_BYTES:
        raise invalid_argument(
            f"The custom metadata has {size} bytes of keys and values; "
            f"{_MAX_METADATA_BYTES} are allowed. Shorten or remove some."
        )
    if "customTime" in fields:
        _moment(fields["customTime"])
    storage_class = fields.get("storageClass")
    if storage_class not in STORAGE_CLASSES and storage_class not in LEGACY_CLASSES:
        raise invalid_argument(
            f"Invalid storage class {storage_class!r}; give one of {', '.join(STORAGE_CLASSES)}."
        )
    if "retention" in fields and not bucket.object_retention:
        raise invalid_argument(
            f"Object retention is not enabled on {bucket.name}; "
            "create the bucket with enableObjectRetention=true."
        )


def check_time_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that a custom time is neither removed nor set back.

    Raises
    ------
    GoogleError
        400 when it is. Source: https://cloud.google.com/storage/docs/metadata#custom-time
    """
    before, after = old.get("customTime"), new.get("customTime")
    if before is not None and (after is None or _moment(after) < _moment(before)):
        raise invalid_argument(
            "A customTime, once set, cannot be removed or set to an earlier time."
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_argument(f"Invalid customTime: {text!r}; give RFC 3339.") from None
    if moment.tzinfo is None:
        raise invalid_argument(f"Invalid customTime: {text!r} lacks its offset from UTC.")
    return moment
