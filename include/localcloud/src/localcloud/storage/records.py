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
from localcloud.state.blobs import Blob

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
        "retention",
        "storageClass",
        "temporaryHold",
    }
)
"""What a caller may set; every other field of a request is output only and ignored."""

_MAX_NAME_BYTES = 1024


@dataclass(frozen=True)
class Draft:
    """A generation before it exists.

    Parameters
    ----------
    fields
        The object resource as the caller sent it.
    component_count
        Number of parts of a composed object.
    encryption
        ``customerEncryption`` of the resource, for content under a customer's key.
    """

    bucket: str
    name: str
    blob: Blob
    fields: Mapping[str, Any]
    component_count: int | None = None
    encryption: Mapping[str, str] | None = None


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

    @property
    def blob(self) -> Blob:
        """The stored bytes and their checksums."""
        fields = self.fields
        return Blob(self.sha256, self.size, fields.get("md5Hash", ""), fields["crc32c"])

    def draft(self, bucket: str | None = None, name: str | None = None) -> Draft:
        """Return what makes a further generation of the same content and metadata."""
        fields = self.fields
        return Draft(
            bucket or self.bucket,
            name or self.name,
            self.blob,
            fields,
            component_count=fields.get("componentCount"),
            encryption=fields.get("customerEncryption"),
        )

    def resource(self, base_url: str, *, with_checksums: bool = True) -> dict[str, Any]:
        """Return the object as the JSON API shows it.

        Parameters
        ----------
        with_checksums
            False hides those of content under a customer's key, which tell of the content.
            Source: https://cloud.google.com/storage/docs/encryption/customer-supplied-keys
        """
        fields = dict(self.fields)
        if "customerEncryption" in fields and not with_checksums:
            fields = {k: v for k, v in fields.items() if k not in ("md5Hash", "crc32c")}
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
            **fields,
        }


def entity_tag(*numbers: int) -> str:
    """Return an opaque tag of a state identified by numbers."""
    return base64.b64encode("/".join(map(str, numbers)).encode()).decode()


def timestamp(at: datetime | None = None) -> str:
    """Return a time, now by default, as Cloud Storage writes it: RFC 3339 with milliseconds."""
    moment = at or datetime.now(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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


def check_text(value: object) -> None:
    """Refuse JSON with text that no UTF-8 can carry: half of a surrogate pair, as an escape.

    Raises
    ------
    GoogleError
        400 when there is any.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise invalid_argument("The request holds text that is not valid Unicode.") from None
