"""Resumable uploads: sessions that outlive a broken connection and a restart.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from localcloud.errors import GoogleError, invalid_argument
from localcloud.state.database import Database
from localcloud.storage.preconditions import Conditions

_CHUNK_MULTIPLE_BYTES = 256 << 10
_COPY_BYTES = 1 << 20
_LOCKS = 64
# A session ends after a week.
_LIFETIME_SECONDS = 7 * 24 * 3600
_CONTENT_RANGE = re.compile(
    r"bytes (?:(?P<first>\d{1,18})-(?P<last>\d{1,18})|\*)/(?P<total>\d{1,18}|\*)"
)


@dataclass(frozen=True)
class Session:
    """An upload that was begun; ``outcome`` is the finished object's resource."""

    upload_id: str
    bucket: str
    name: str
    conditions: Conditions
    resource: Mapping[str, Any]
    outcome: dict[str, Any] | None


@dataclass(frozen=True)
class Span:
    """Where the bytes of a request belong; ``total`` is None while the size is unknown."""

    start: int | None
    length: int
    total: int | None

    @classmethod
    def of_header(cls, header: str | None, length: int) -> Span:
        """Read a Content-Range header; without one the body is the whole object.

        Raises
        ------
        GoogleError
            400 when the header is malformed or contradicts the body.
        """
        if header is None:
            return cls(0, length, length)
        match = _CONTENT_RANGE.fullmatch(header.strip())
        if match is None:
            raise invalid_argument(f"Failed to parse Content-Range header: {header!r}.")
        total = None if match["total"] == "*" else int(match["total"])
        if match["first"] is None:
            return cls(None, length, total)
        first, last = int(match["first"]), int(match["last"])
        if last - first + 1 != length or (total is not None and last >= total):
            raise invalid_argument(f"Content-Range {header!r} does not fit {length} bytes of body.")
        return cls(first, length, total)


class Uploads:
    """The sessions in progress; received bytes lie in a file each until the object is complete."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._locks = [Lock() for _ in range(_LOCKS)]
        self._forget_old()

    def begin(
        self, bucket: str, name: str, conditions: Conditions, resource: Mapping[str, Any]
    ) -> str:
        """Open a session and return its id."""
        upload_id = uuid.uuid4().hex
        self._file(upload_id).touch()
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO uploads (id, bucket, name, conditions, resource, begun_seconds)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    upload_id,
                    bucket,
                    name,
                    conditions.to_json(),
                    json.dumps(resource),
                    int(time.time()),
                ),
            )
        return upload_id

    @contextmanager
    def session(self, upload_id: str) -> Iterator[Session]:
        """Hold a session; requests of one session run one after the other.

        Raises
        ------
        GoogleError
            404 for an unknown or cancelled session.
        """
        with self._locks[hash(upload_id) % _LOCKS]:
            yield self._load(upload_id)

    def append(self, session: Session, span: Span, data: memoryview) -> int:
        """Keep what is new of a chunk; return the number of bytes held.

        Raises
        ------
        GoogleError
            400 when the chunk would leave a gap, or is too small not to be the last.
        """
        held = self.held(session)
        if span.start is None:
            return held
        if span.start > held:
            raise invalid_argument(
                "Invalid request. According to the Content-Range header, the upload offset is "
                f"{span.start} byte(s), which exceeds already uploaded size of {held} byte(s)."
            )
        end = span.start + span.length
        if end != span.total and span.length % _CHUNK_MULTIPLE_BYTES:
            raise invalid_argument(
                f"Invalid request. A chunk of {span.length} bytes is not a multiple of "
                f"{_CHUNK_MULTIPLE_BYTES}, which every chunk but the last must be."
            )
        with self._file(session.upload_id).open("ab") as file:
            file.write(data[held - span.start :])
            file.flush()
            os.fdatasync(file.fileno())
        return max(held, end)

    def held(self, session: Session) -> int:
        """Return the number of bytes received."""
        return self._file(session.upload_id).stat().st_size

    def chunks(self, session: Session) -> Iterator[bytes]:
        """Iterate over the bytes received."""
        with self._file(session.upload_id).open("rb") as file:
            yield from iter(lambda: file.read(_COPY_BYTES), b"")

    def finish_within(
        self, tx: sqlite3.Connection, session: Session, outcome: Mapping[str, Any]
    ) -> None:
        """Remember the finished object, which a repeated last request must be answered with."""
        tx.execute(
            "UPDATE uploads SET outcome = ? WHERE id = ?",
            (json.dumps(outcome), session.upload_id),
        )

    def discard(self, session: Session) -> None:
        """Remove the bytes of a session whose object is stored."""
        self._file(session.upload_id).unlink(missing_ok=True)

    def cancel(self, session: Session) -> None:
        """Forget a session and its bytes."""
        with self._database.write() as tx:
            tx.execute("DELETE FROM uploads WHERE id = ?", (session.upload_id,))
        self._file(session.upload_id).unlink(missing_ok=True)

    def _load(self, upload_id: str) -> Session:
        rows = self._database.read("SELECT * FROM uploads WHERE id = ?", (upload_id,))
        if not rows:
            raise GoogleError.of(404, "No such upload session; begin a new one.")
        row = rows[0]
        return Session(
            row["id"],
            row["bucket"],
            row["name"],
            Conditions.from_json(row["conditions"]),
            json.loads(row["resource"]),
            json.loads(row["outcome"]) if row["outcome"] else None,
        )

    def _forget_old(self) -> None:
        oldest = int(time.time()) - _LIFETIME_SECONDS
        with self._database.write() as tx:
            tx.execute("DELETE FROM uploads WHERE begun_seconds < ?", (oldest,))
        known = {row["id"] for row in self._database.read("SELECT id FROM uploads")}
        for file in self._folder.iterdir():
            if file.name not in known:
                file.unlink()

    def _file(self, upload_id: str) -> Path:
        return self._folder / upload_id
