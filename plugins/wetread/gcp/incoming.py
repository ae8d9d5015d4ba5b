"""The bucket that senders write to: what arrived, what is staged, where it goes in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from wetread.core.arrivals import INCOMING, Arrival, SourceObject
from wetread.core.headers import FIRST_READ_BYTES, NeedMore, read_header
from wetread.core.identity import StudyVersion
from wetread.core.outcomes import reasons
from wetread.gcp.storage import Bucket

STAGING, PROCESSED, FAILED = "staging/", "processed/", "failed/"

_CONCURRENCY = 8
"""Small requests under way at a time; the client's connection pool holds ten."""

_NAME_BYTES = 1024
"""The longest object name (Cloud Storage, "Object naming")."""

_REASON_SUFFIX = ".reason.json"

ArrivalIndex = Mapping[tuple[str, int], Arrival]


class IncomingBucket:
    """``incoming/ staging/ processed/ failed/``; sender names never leave the bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def objects(self, folder: str | None = None) -> list[SourceObject]:
        """List what lies below ``incoming/``, or in one folder of it, markers included."""
        prefix = INCOMING if folder is None else f"{INCOMING}{folder}/" if folder else INCOMING
        listed = self._bucket.list(prefix, "arriving objects")
        placeholders = (item for item in listed if not item.name.endswith("/"))
        return [item for item in placeholders if folder is None or item.folder == folder]

    def arrivals(
        self,
        objects: Iterable[SourceObject],
        index: ArrivalIndex,
        patient_token: Callable[[str], str],
    ) -> list[Arrival]:
        """Read the headers of ``objects``, but for those that the index knows already."""

        def arrival(item: SourceObject) -> Arrival:
            known = index.get((item.name, item.generation))
            return known or self._read(item, patient_token)

        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            return list(pool.map(arrival, (item for item in objects if not item.is_marker)))

    def _read(self, item: SourceObject, patient_token: Callable[[str], str]) -> Arrival:
        end = min(FIRST_READ_BYTES, item.size_bytes)
        while True:
            start = (
                self._bucket.read(
                    item.name, "an arriving object", generation=item.generation, end=end
                )
                if end
                else b""
            )
            content = read_header(start, item.size_bytes, patient_token)
            if not isinstance(content, NeedMore):
                return Arrival(item, content)
            end = content.size_bytes

    def read(self, source: SourceObject, subject: str) -> bytes:
        """Return the whole of an arrived object."""
        return self._bucket.read(source.name, subject, generation=source.generation)

    def stage(self, study: StudyVersion, sources: Sequence[SourceObject]) -> str:
        """Copy the sources to the study's staging prefix; return the ``gs://`` URI to import.

        Staged names are numbers, so that operation logs name no sender's file. A source that is
        gone was archived by an earlier try.
        """
        prefix = _staging(study)

        def copy(numbered: tuple[int, SourceObject]) -> None:
            number, source = numbered
            self._bucket.copy(source, f"{prefix}{number:06d}.dcm", f"staged file of {study}")

        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            list(pool.map(copy, enumerate(sources, 1)))
        return f"gs://{self._bucket.name}/{prefix}**.dcm"

    def unstage(self, study: StudyVersion) -> None:
        """Remove the study's staging prefix."""
        subject = f"staged files of {study}"
        self._remove(self._bucket.list(_staging(study), subject), subject)

    def archive(self, sources: Sequence[SourceObject], subject: str) -> None:
        """Move imported objects to ``processed/``."""
        self._move([(item, _moved(item.name, PROCESSED)) for item in sources], subject)

    def quarantine(self, refused: Sequence[tuple[SourceObject, str]], subject: str) -> None:
        """Move refused objects to ``failed/``, each with its reason in a JSON file beside it.

        The reason is written first: an object is never in ``failed/`` without one. Nothing else
        holds a refused file's bytes, so it never takes the place of another one.
        """
        moves = []
        for source, code in refused:
            reason, name = reasons()[code], self._name_in_failed(source, subject)
            value = {"reason": reason.code, "outcome": reason.outcome, "text": reason.text}
            self._bucket.replace_json(_beside(name), value, None, subject)
            moves.append((source, name))
        self._move(moves, subject)

    def _name_in_failed(self, source: SourceObject, subject: str) -> str:
        """Return the file's own name, or one with its generation where other bytes have that."""
        name = _moved(source.name, FAILED)
        if self._bucket.checksum(name, subject) in (None, source.crc32c):
            return name
        return _fitting(name, f"~{source.generation}")

    def remove_markers(self, folders: Iterable[str]) -> None:
        """Remove ``_COMPLETE`` from folders in which nothing else is left."""
        for folder in folders:
            left = self.objects(folder)
            if left and all(item.is_marker for item in left):
                self._remove(left, "a completion marker")

    def _move(self, moves: Sequence[tuple[SourceObject, str]], subject: str) -> None:
        def move(source_and_name: tuple[SourceObject, str]) -> None:
            source, name = source_and_name
            if self._bucket.copy(source, name, subject):
                self._bucket.delete([(source.name, source.generation)], subject)

        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            list(pool.map(move, moves))

    def _remove(self, objects: Sequence[SourceObject], subject: str) -> None:
        def remove(item: SourceObject) -> None:
            self._bucket.delete([(item.name, item.generation)], subject)

        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            list(pool.map(remove, objects))


def _staging(study: StudyVersion) -> str:
    return f"{STAGING}{study.study_key}/v{study.version}/"


def _moved(name: str, to: str) -> str:
    moved = to + name.removeprefix(INCOMING)
    # A sender's file that is called like a reason must not take the place of one.
    if to == FAILED and moved.rstrip("~").endswith(_REASON_SUFFIX):
        moved += "~"
    return _fitting(moved, "")


def _beside(name: str) -> str:
    return _fitting(name, _REASON_SUFFIX)


def _fitting(name: str, suffix: str) -> str:
    """Return ``name + suffix``, cut where it exceeds an object name, with a digest of the whole.

    The digest keeps two long names that differ at their ends apart.
    """
    encoded = name.encode("utf-8")
    if len(encoded) + len(suffix) <= _NAME_BYTES:
        return name + suffix
    tail = f"~{sha256(encoded).hexdigest()[:16]}{suffix}"
    return encoded[: _NAME_BYTES - len(tail)].decode("utf-8", errors="ignore") + tail
