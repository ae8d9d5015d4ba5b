"""UIDs that can be made again."""

from __future__ import annotations

from uuid import UUID, uuid5

from wetread.core.canonical import canonical_json

_NAMESPACE = UUID("8f0a6d0e-5a0b-5d36-9c1d-3f6f2a1f5b0c")
"""Of this project; keeps its UIDs apart from those that others derive from the same words."""


def derive_uid(*parts: str) -> str:
    """Return the UID below 2.25 that stands for ``parts``, the same at every call.

    A retry then writes the same object again instead of a second one. The number is a name-based
    UUID (PS3.5 section B.2), so the UID has at most 44 characters.
    """
    return f"2.25.{uuid5(_NAMESPACE, canonical_json(list(parts)).decode('utf-8')).int}"
