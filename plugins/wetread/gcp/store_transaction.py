"""The answer to a DICOMweb store transaction: which instances were not stored (PS3.18 10.5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wetread.core.pixels.metadata import integer, items, text


@dataclass(frozen=True)
class NotStored:
    """An instance that the store did not take, and its Failure Reason (0008,1197).

    Google answers 0x0110, a processing failure, for everything; its words, in a private element,
    may quote the file and are not read. ``sop_instance_uid`` is "" where the answer names none.
    """

    sop_instance_uid: str
    failure_reason: int


def not_stored(answer: Any) -> Iterator[NotStored]:
    """Read the Failed SOP Sequence (0008,1198) of a Store Instances Response Module."""
    for item in items(answer, "FailedSOPSequence") if isinstance(answer, Mapping) else ():
        yield NotStored(text(item, "ReferencedSOPInstanceUID"), integer(item, "FailureReason") or 0)
