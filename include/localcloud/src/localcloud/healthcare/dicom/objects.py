"""How imports and exports use Cloud Storage without knowing the Storage service."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from localcloud.healthcare.resources import invalid

_OBJECT_URI = re.compile(r"gs://([^/*?]+)/(.+)", re.DOTALL)


class CloudObjects(Protocol):
    """Live objects by bucket and name; safe to call from any thread.

    Every method raises GoogleError 404 when the bucket or the object does not exist, and 403 when
    the service may not use it.
    """

    def list(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of all live objects below a prefix, sorted."""

    def size(self, bucket: str, name: str) -> int:
        """Return how many bytes an object has."""

    def read(self, bucket: str, name: str) -> bytes:
        """Return an object's whole content."""

    def write(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Store an object, replacing what had its name."""


@dataclass(frozen=True)
class ObjectUri:
    """One object of Cloud Storage, as ``gs://BUCKET/OBJECT`` names it."""

    bucket: str
    name: str

    @classmethod
    def parse(cls, uri: str, field: str) -> ObjectUri:
        """Read a URI without wildcards.

        Raises
        ------
        GoogleError
            400, naming the field, for any other form.
        """
        match = _OBJECT_URI.fullmatch(uri)
        if match is None:
            raise invalid(f"invalid {field} {uri!r}: want gs://BUCKET/OBJECT")
        return cls(*match.groups())
