"""What a bucket may be called and what may be set of it.

Source: https://cloud.google.com/storage/docs/buckets and
https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any

from localcloud.errors import GoogleError, invalid_argument
from localcloud.storage import lifecycle_rules, soft_delete
from localcloud.storage.labels import check_labels
from localcloud.storage.records import merge, timestamp

_NAME = re.compile(r"(?!goog)[a-z0-9](?:[a-z0-9_-]|\.(?!\.)){1,220}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_MAX_LABEL = 63
_MAX_RETENTION_SECONDS = 3_155_760_000
_FIXED_AT_CREATION = frozenset({"location", "customPlacementConfig", "hierarchicalNamespace"})
_CHANGEABLE = frozenset(
    {
        "autoclass",
        "billing",
        "cors",
        "defaultEventBasedHold",
        "encryption",
        "iamConfiguration",
        "labels",
        "lifecycle",
        "logging",
        "retentionPolicy",
        "rpo",
        "softDeletePolicy",
        "storageClass",
        "versioning",
        "website",
    }
)
_MULTI_REGIONS = frozenset({"US", "EU", "ASIA"})


def checked_name(name: object) -> str:
    """Return a permitted bucket name.

    Raises
    ------
    GoogleError
        400 for one that Cloud Storage refuses.
    """
    if not isinstance(name, str) or not name:
        raise GoogleError.of(400, "Required bucket name is missing.", "required")
    if not is_name(name):
        raise invalid_argument(
            f"Invalid bucket name: {name!r}. Use 3 to 63 lower-case letters, digits, '-', '_'"
            " (with dots up to 222), begin and end with a letter or digit, and do not begin with"
            " 'goog' or look like an IP address."
        )
    return name


def is_name(name: str) -> bool:
    """Whether a bucket may be called so."""
    longest = max(map(len, name.split("."))) if "." in name else len(name)
    return (
        _NAME.fullmatch(name) is not None
        and longest <= _MAX_LABEL
        and _ADDRESS.fullmatch(name) is None
    )


def project_number(project: str) -> str:
    """Return a project's number: made from its id, so the same on every machine."""
    return str(zlib.crc32(project.encode()))


def created_fields(
    project: str, request: Mapping[str, Any], *, object_retention: bool
) -> dict[str, Any]:
    """Return the stored resource of a new bucket.

    Raises
    ------
    GoogleError
        400 when a setting cannot be.
    """
    now = timestamp()
    writable = _CHANGEABLE | _FIXED_AT_CREATION
    given = {k: v for k, v in request.items() if k in writable and v is not None}
    location = str(given.get("location", "US")).upper()
    fields = {
        "projectNumber": project_number(project),
        "storageClass": "STANDARD",
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": False},
            "publicAccessPrevention": "inherited",
        },
        **given,
        "softDeletePolicy": soft_delete.checked_policy(given.get("softDeletePolicy")),
        "location": location,
        "locationType": "multi-region" if location in _MULTI_REGIONS else "region",
        "timeCreated": now,
        "updated": now,
    }
    if object_retention:
        fields["objectRetention"] = {"mode": "Enabled"}
    _check(fields, {})
    return fields


def patched_fields(old: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the fields given into a bucket; null removes one."""
    return _changed(old, merge(old, _changeable(request)), request)


def replaced_fields(old: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Replace all fields that can be changed."""
    kept = {k: v for k, v in old.items() if k not in _CHANGEABLE}
    defaults = {"storageClass": "STANDARD", "iamConfiguration": old["iamConfiguration"]}
    return _changed(old, merge({**kept, **defaults}, _changeable(request)), request)


def locked_fields(old: Mapping[str, Any]) -> dict[str, Any]:
    """Lock the retention policy, for ever.

    Raises
    ------
    GoogleError
        400 without a policy.
    """
    if "retentionPolicy" not in old:
        raise invalid_argument("The bucket has no retention policy that could be locked.")
    policy = {**old["retentionPolicy"], "isLocked": True}
    return {**old, "retentionPolicy": policy, "updated": timestamp()}


def _changed(
    old: Mapping[str, Any], fields: dict[str, Any], request: Mapping[str, Any]
) -> dict[str, Any]:
    if "softDeletePolicy" in request or "softDeletePolicy" not in fields:
        fields["softDeletePolicy"] = soft_delete.checked_policy(fields.get("softDeletePolicy"))
    fields["updated"] = timestamp()
    _check(fields, old)
    return fields


def _check(fields: dict[str, Any], old: Mapping[str, Any]) -> None:
    if not fields.get("lifecycle", {}).get("rule"):
        fields.pop("lifecycle", None)
    lifecycle_rules.parse(fields)
    check_labels(fields.get("labels") or {})
    _check_retention(fields, old)


def _check_retention(fields: dict[str, Any], old: Mapping[str, Any]) -> None:
    before, after = old.get("retentionPolicy", {}), fields.get("retentionPolicy") or {}
    seconds = int(after.get("retentionPeriod") or 0)
    if after and not 0 < seconds < _MAX_RETENTION_SECONDS:
        raise invalid_argument(
            f"Invalid retentionPeriod: {seconds}; give 1 to {_MAX_RETENTION_SECONDS - 1} seconds."
        )
    if before.get("isLocked") and seconds < int(before["retentionPeriod"]):
        raise GoogleError.of(
            403, "A locked retention policy can be prolonged, never shortened or removed."
        )
    if after and "effectiveTime" not in after:
        fields["retentionPolicy"] = {**after, "effectiveTime": timestamp()}


def _changeable(request: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in request.items() if k in _CHANGEABLE}
