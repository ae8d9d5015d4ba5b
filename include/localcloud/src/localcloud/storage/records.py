"""Versions of objects as stored, and as the JSON API shows them.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects#resource
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from localcloud.errors import GoogleError, invalid_argument

WRITABLE_FIELDS = frozenset(
    {
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "customTime",
        "eventBasedHold",
        "metadata",
        "storageClass",
        "temporaryHold",
    }
)
"""What a caller may set; every other field of a request is output only and ignored."""

_MAX_NAME_BYTES = 1024


@dataclass(frozen=True)
class ObjectVersion:
    """One generation of one object; ``fields`` is the resource without what follows from it."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    live: bool
    sha256: str
    size: int
    fields: Mapping[str, Any]

    @classmethod
    def of_row(cls, row: sqlite3.Row) -> ObjectVersion:
        """Read a row of the table ``objects``."""
        return cls(
            row["bucket"],
            row["name"],
            row["generation"],
            row["metageneration"],
            bool(row["live"]),
            row["sha256"],
            row["size"],
            json.loads(row["resource"]),
        )

    @property
    def etag(self) -> str:
        """Changes with the content and with the metadata."""
        return entity_tag(self.generation, self.metageneration)

    def resource(self, base_url: str) -> dict[str, Any]:
        """Return the object as the JSON API shows it."""
        path = f"b/{quote(self.bucket, safe='')}/o/{quote(self.name, safe='')}"
        return {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{base_url}/storage/v1/{path}",
            "mediaLink": f"{base_url}/download/storage/v1/{path}"
            f"?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(self.size),
            "etag": self.etag,
            **self.fields,
        }


def entity_tag(*numbers: int) -> str:
    """Return an opaque tag of a state identified by numbers."""
    return base64.b64encode("/".join(map(str, numbers)).encode()).decode()


def timestamp() -> str:
    """Return the current time as RFC 3339 with milliseconds, as Cloud Storage writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def writable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the fields that a caller may set and has set."""
    kept = {k: v for k, v in fields.items() if k in WRITABLE_FIELDS and v is not None}
    if isinstance(kept.get("metadata"), dict):
        kept["metadata"] = {k: v for k, v in kept["metadata"].items() if v is not None}
    return kept


def merge(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch (RFC 7396)."""
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            before = merged.get(key)
            merged[key] = merge(before if isinstance(before, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def check_object_name(name: str | None) -> str:
    """Return a permitted object name.

    Raises
    ------
    GoogleError
        400 for a name that Cloud Storage refuses.
        Source: https://cloud.google.com/storage/docs/objects#naming
    """
    if not name:
        raise GoogleError.of(400, "Required object name is missing.", "required")
    if len(name.encode("utf-8", "surrogatepass")) > _MAX_NAME_BYTES:
        raise invalid_argument(
            f"The maximum object name length is {_MAX_NAME_BYTES} bytes of UTF-8."
        )
    if name in (".", "..") or "\r" in name or "\n" in name:
        raise invalid_argument("Invalid object name: '.', '..' and line breaks are not allowed.")
    if name.startswith(".well-known/acme-challenge/"):
        raise invalid_argument("Invalid object name: '.well-known/acme-challenge/' is reserved.")
    return name
