"""XML multipart uploads: parts in any order, joined when the caller says so.

Parts are stored like objects, so that what was acknowledged survives; joining reads each once.
Source: https://cloud.google.com/storage/docs/multipart-uploads
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud.errors import GoogleError
from localcloud.state.blobs import Blob, Blobs
from localcloud.state.database import Database
from localcloud.storage.buckets import read_bucket
from localcloud.storage.lifecycle_rules import Rule
from localcloud.storage.records import timestamp

MAX_PARTS = 10_000
MIN_PART_BYTES = 5 << 20
"""Every part but the last has at least this size."""


@dataclass(frozen=True)
class PartUpload:
    """An upload that was begun and is not complete."""

    upload_id: str
    bucket: str
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One received part; ``md5_b64`` is what its ETag shows."""

    number: int
    sha256: str
    size: int
    md5_b64: str
    modified: str

    @property
    def etag(self) -> str:
        """The MD5 in hexadecimal, as the XML API shows it."""
        return base64.b64decode(self.md5_b64).hex()


class PartUploads:
    """The multipart uploads in progress."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def begin(self, bucket: str, name: str, fields: Mapping[str, Any]) -> str:
        """Open an upload and return its id."""
        upload_id = uuid.uuid4().hex
        with self._database.write() as tx:
            read_bucket(tx, bucket)
            tx.execute(
                "INSERT INTO part_uploads VALUES (?, ?, ?, ?, ?)",
                (upload_id, bucket, name, json.dumps(dict(fields)), time.time()),
            )
        return upload_id

    def get(self, bucket: str, name: str, upload_id: str) -> PartUpload:
        """Return an upload.

        Raises
        ------
        GoogleError
            404 when it was completed, aborted or never begun.
        """
        rows = self._database.read(
            "SELECT * FROM part_uploads WHERE id = ? AND bucket = ? AND name = ?",
            (upload_id, bucket, name),
        )
        if not rows:
            raise _no_such_upload()
        return PartUpload(upload_id, bucket, name, json.loads(rows[0]["resource"]))

    def store(self, data: memoryview) -> Blob:
        """Store the content of a part; it is on disk when this returns."""
        return self._blobs.put(data)

    def put(self, upload: PartUpload, number: int, blob: Blob) -> None:
        """Keep a part; one of the same number replaces it."""
        with self._database.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                (upload.upload_id, number, blob.sha256, blob.size, blob.md5_b64, timestamp()),
            )

    def parts(self, upload: PartUpload) -> list[Part]:
        """Return the parts received, by number."""
        rows = self._database.read(
            "SELECT * FROM parts WHERE upload = ? ORDER BY number", (upload.upload_id,)
        )
        return [
            Part(row["number"], row["sha256"], row["size"], row["md5"], row["modified"])
            for row in rows
        ]

    def joined(self, parts: Iterable[Part]) -> Iterator[bytes]:
        """Iterate over the bytes of parts."""
        for part in parts:
            yield from self._blobs.chunks(part.sha256, 0, part.size)

    def forget(self, upload: PartUpload) -> None:
        """Drop an upload and its parts.

        Raises
        ------
        GoogleError
            404 when another request has completed or aborted it meanwhile.
        """
        with self._database.write() as tx:
            found = tx.execute("DELETE FROM part_uploads WHERE id = ?", (upload.upload_id,))
        if not found.rowcount:
            raise _no_such_upload()

    def abort_where(self, bucket: str, rules: Sequence[Rule], now: datetime) -> int:
        """Abort the uploads that one of the rules matches; return their number."""
        if not rules:
            return 0
        rows = self._database.read("SELECT * FROM part_uploads WHERE bucket = ?", (bucket,))
        matching = [
            row["id"]
            for row in rows
            if any(
                rule.matches_upload(
                    row["name"], datetime.fromtimestamp(row["begun_seconds"], UTC), now
                )
                for rule in rules
            )
        ]
        with self._database.write() as tx:
            tx.executemany("DELETE FROM part_uploads WHERE id = ?", [(id_,) for id_ in matching])
        return len(matching)


def _no_such_upload() -> GoogleError:
    return GoogleError.of(
        404, "The requested upload was not found; begin a new one.", "NoSuchUpload"
    )
