"""How imports and exports use Cloud Storage without knowing the Storage service."""

from __future__ import annotations

from typing import Protocol


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
