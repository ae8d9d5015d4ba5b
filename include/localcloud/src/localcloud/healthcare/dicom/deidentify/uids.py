"""New UIDs for old: the same within one operation, and not to be undone without its key.

Source: DICOM PS3.5 section B.2 (UIDs derived from a UUID) and
https://dicom.nema.org/medical/dicom/current/output/chtml/part15/sect_E.3.9.html
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

_KEY_BYTES = 32
_STANDARD_ROOT = "1.2.840.10008."


@dataclass(frozen=True)
class UidMap:
    """A keyed function of UIDs, so that nothing has to be remembered however many there are."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(_KEY_BYTES), repr=False)

    def new(self, uid: str) -> str:
        """Return the replacement of a UID; what the standard itself defines stays."""
        uid = uid.strip("\0 ")
        if not uid or uid.startswith(_STANDARD_ROOT):
            return uid
        digest = hmac.new(self.key, uid.encode(), hashlib.sha256).digest()
        return f"2.25.{int.from_bytes(digest[:16])}"
