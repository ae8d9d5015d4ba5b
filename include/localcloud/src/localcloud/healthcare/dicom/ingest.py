"""Files become instances: parsed one by one, stored in one transaction a batch.

STOW and import differ in where files come from and in how they report; this is what they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.healthcare.dicom.index import Index, Instance
from localcloud.healthcare.dicom.notifications import Action, Recorder
from localcloud.healthcare.dicom.part10 import InvalidDicom, ParsedFile, parse_file
from localcloud.healthcare.dicom.storage_classes import STANDARD
from localcloud.healthcare.resources import rfc3339, utc_now
from localcloud.state.blobs import Blob, Blobs

_CONFLICT = (
    "an instance already exists in this DICOM store with the same Study/Series/SOPInstance UID,"
    " but the DICOM files differ (checksum mismatch)"
)


@dataclass(frozen=True)
class Stored:
    """A file that is in the store now, whether or not it was there before."""

    instance: Instance
    is_new: bool


@dataclass(frozen=True)
class Refused:
    """A file that did not become an instance; UIDs as far as they could be read."""

    sop_class: str
    sop_instance: str
    detail: str


Outcome = Stored | Refused


class Ingest:
    """Puts batches of files into a store."""

    def __init__(self, index: Index, blobs: Blobs, notifications: Recorder) -> None:
        self._index = index
        self._blobs = blobs
        self._notifications = notifications

    def store(
        self,
        store: str,
        files: Sequence[bytes],
        action: Action,
        study: str = "",
        storage_class: str = STANDARD,
    ) -> list[Outcome]:
        """Store a batch and notify; outcomes are in the order of `files`.

        Parameters
        ----------
        study
            The only StudyInstanceUID to accept; any when empty.
        storage_class
            What new instances get; those that are known keep theirs.
        """
        prepared = [self._prepare(data, study) for data in files]
        updated = rfc3339(utc_now())
        outcomes: list[Outcome] = []
        with self._index.database.write() as tx:
            for item in prepared:
                if isinstance(item, Refused):
                    outcomes.append(item)
                    continue
                file, blob = item
                known = self._index.find(tx, store, file)
                if known is None:
                    instance = self._index.insert(tx, store, file, blob, updated)
                    outcomes.append(Stored(instance, is_new=True))
                elif known.sha256 == blob.sha256:
                    outcomes.append(Stored(known, is_new=False))
                else:
                    outcomes.append(Refused(file.sop_class, file.instance, _CONFLICT))
            new = [o.instance for o in outcomes if isinstance(o, Stored) and o.is_new]
            self._notifications.record(tx, store, action, new, storage_class)
        self._notifications.flush()
        return outcomes

    def _prepare(self, data: bytes, study: str) -> tuple[ParsedFile, Blob] | Refused:
        try:
            file = parse_file(data)
        except InvalidDicom as error:
            return Refused(error.sop_class, error.sop_instance, error.detail)
        if study and file.study != study:
            detail = f"the instance's StudyInstanceUID differs from that of the request, {study}"
            return Refused(file.sop_class, file.instance, detail)
        return file, self._blobs.put(data)
