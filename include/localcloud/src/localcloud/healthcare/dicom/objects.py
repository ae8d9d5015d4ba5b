"""How an import reads Cloud Storage without knowing the Storage service."""

from __future__ import annotations

from typing import Protocol


class ObjectReader(Protocol):
    """Live objects by bucket and name; safe to call from any thread."""

    def list(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of all live objects below a prefix, sorted.

        Raises
        ------
        GoogleError
            404 when the bucket does not exist.
        """

    def read(self, bucket: str, name: str) -> bytes:
        """Return an object's whole content.

        Raises
        ------
        GoogleError
            404 when the object does not exist.
        """
