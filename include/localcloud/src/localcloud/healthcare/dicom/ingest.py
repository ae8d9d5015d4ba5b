"""Files become instances: parsed one by one, stored in one transaction a batch.

STOW and import differ in where files come from and in how they report; this is what they share.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from localcloud.healthcare.dicom.deletions import Deletions
from localcloud.healthcare.dicom.index import Index, Instance
from localcloud.healthcare.dicom.notifications import Action, Recorder
from localcloud.healthcare.dicom.part10 import InvalidDicom, ParsedFile, parse_file
from localcloud.healthcare.dicom.storage_classes import STANDARD
from localcloud.healthcare.resources import rfc3339, utc_now
from localcloud.state.blobs import Blobs, Staged

_CONFLICT = (
    "an instance already exists in this DICOM store with the same Study/Series/SOPInstance UID,"
    " but the DICOM files differ (checksum mismatch)"
)

_GOING = (
    "the study or series is being deleted by an operation; store the instance again when the"
    " operation is done"
)
_WRITERS = 4


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
_Prepared: TypeAlias = tuple[ParsedFile, Future[Staged]]


class Ingest:
    """Puts batches of files into a store."""

    def __init__(
        self, index: Index, blobs: Blobs, notifications: Recorder, deletions: Deletions
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._notifications = notifications
        self._deletions = deletions
        # Hashing and writing leave the interpreter free to read the next header meanwhile.
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="dicom-writer")

    def store(
        self,
        store: str,
        files: Sequence[bytes | memoryview | Refused],
        action: Action,
        study: str = "",
        storage_class: str = STANDARD,
    ) -> list[Outcome]:
        """Store a batch and notify; outcomes are in the order of `files`.

        What its maker refused already stays refused.

        Parameters
        ----------
        study
            The only StudyInstanceUID to accept; any when empty.
        storage_class
            What new instances get; those that are known keep theirs.
        """
        prepared = [self._prepare(data, study) for data in files]
        staged = [item[1].result() for item in prepared if not isinstance(item, Refused)]
        self._blobs.keep(staged)
        with self._index.database.write() as tx:
            outcomes = self._insert(tx, store, prepared)
            new = [o.instance for o in outcomes if isinstance(o, Stored) and o.is_new]
            self._notifications.record(tx, store, action, new, storage_class)
        self._notifications.flush()
        return outcomes

    def _prepare(self, data: bytes | memoryview | Refused, study: str) -> _Prepared | Refused:
        if isinstance(data, Refused):
            return data
        try:
            file = parse_file(data)
        except InvalidDicom as error:
            return Refused(error.sop_class, error.sop_instance, error.detail)
        if study and file.study != study:
            detail = f"the instance's StudyInstanceUID differs from that of the request, {study}"
            return Refused(file.sop_class, file.instance, detail)
        return file, self._writers.submit(self._blobs.stage, data)

    def _insert(
        self, tx: sqlite3.Connection, store: str, prepared: Sequence[_Prepared | Refused]
    ) -> list[Outcome]:
        going = self._deletions.under_way(tx, store)
        updated = rfc3339(utc_now())
        outcomes: list[Outcome] = []
        for item in prepared:
            if isinstance(item, Refused):
                outcomes.append(item)
                continue
            file, blob = item[0], item[1].result()
            known = self._index.find(tx, store, file)
            if going & {(file.study, ""), (file.study, file.series)}:
                outcomes.append(Refused(file.sop_class, file.instance, _GOING))
            elif known is None:
                instance = self._index.insert(tx, store, file, blob, updated)
                outcomes.append(Stored(instance, is_new=True))
            elif known.sha256 == blob.sha256:
                outcomes.append(Stored(known, is_new=False))
            else:
                outcomes.append(Refused(file.sop_class, file.instance, _CONFLICT))
        return outcomes
