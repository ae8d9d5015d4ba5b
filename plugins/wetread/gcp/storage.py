"""Cloud Storage: one bucket, read and written with preconditions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from wetread.core.arrivals import SourceObject
from wetread.core.canonical import canonical_json
from wetread.core.errors import problem
from wetread.gcp.retries import BACKOFF_SECONDS, TIMEOUT_SECONDS, translated

_LIST_FIELDS = "items(name,generation,size,crc32c,timeCreated),nextPageToken"
OPTIONS: Mapping[str, Any] = {
    "retry": DEFAULT_RETRY.with_delay(*BACKOFF_SECONDS).with_timeout(TIMEOUT_SECONDS),
    "timeout": TIMEOUT_SECONDS,
}
"""The client's own rule of what to try again, which knows its media transfers, for every call:
each is made so that it may be repeated."""


@dataclass(frozen=True)
class StoredJson:
    """A JSON object and the generation it was read at."""

    value: Any
    generation: int


class Bucket:
    """One bucket. ``subject`` names what an object is about; object names stay out of errors."""

    def __init__(self, client: storage.Client, name: str) -> None:
        self._client = client
        self._bucket = client.bucket(name)
        self.name = name

    def list(self, prefix: str, subject: str) -> list[SourceObject]:
        """List the live objects below ``prefix`` in name order."""
        with translated("storage.objects.list", subject):
            blobs = list(
                self._client.list_blobs(self._bucket, prefix=prefix, fields=_LIST_FIELDS, **OPTIONS)
            )
        return [
            SourceObject(
                name=blob.name,
                generation=int(blob.generation),
                size_bytes=int(blob.size or 0),
                crc32c=str(blob.crc32c),
                created_at=blob.time_created.isoformat(timespec="microseconds"),
            )
            for blob in blobs
        ]

    def read(
        self, name: str, subject: str, *, generation: int | None = None, end: int | None = None
    ) -> bytes:
        """Return an object's bytes, or its first ``end`` bytes.

        Raises
        ------
        PermanentError
            ``not-found``: the object, or its generation, is gone.
        """
        blob = self._bucket.blob(name, generation=generation)
        with translated("storage.objects.get", subject):
            content = blob.download_as_bytes(
                start=0 if end else None, end=end - 1 if end else None, **OPTIONS
            )
        return bytes(content)

    def read_json(self, name: str, subject: str) -> StoredJson | None:
        """Return a JSON object, or nothing when it does not exist."""
        blob = self._bucket.blob(name)
        try:
            with translated("storage.objects.get", subject, expected=(exceptions.NotFound,)):
                content = blob.download_as_bytes(**OPTIONS)
        except exceptions.NotFound:
            return None
        try:
            return StoredJson(json.loads(content), int(blob.generation))
        except ValueError:
            raise problem("answer-malformed", f"the stored {subject} is not JSON.") from None

    def create_json(self, name: str, value: Any, subject: str) -> StoredJson:
        """Create a JSON object; return it, or the one that somebody else created first."""
        try:
            return self._put(name, value, subject, generation=0)
        except exceptions.PreconditionFailed:
            winner = self.read_json(name, subject)
        if winner is None:
            raise problem("precondition-failed", f"the {subject} was created and removed.")
        return winner

    def replace_json(self, name: str, value: Any, generation: int | None, subject: str) -> None:
        """Replace a JSON object; with a generation, only while it is still the one that was read.

        Raises
        ------
        RetriableError
            ``precondition-failed``: somebody else replaced it.
        """
        try:
            self._put(name, value, subject, generation)
        except exceptions.PreconditionFailed:
            stored = self.read_json(name, subject)
            if stored is None or stored.value != json.loads(canonical_json(value)):
                raise problem("precondition-failed", f"the {subject} changed meanwhile.") from None

    def _put(self, name: str, value: Any, subject: str, generation: int | None) -> StoredJson:
        blob = self._bucket.blob(name)
        expected = (exceptions.PreconditionFailed,)
        with translated("storage.objects.insert", subject, expected=expected):
            blob.upload_from_string(
                canonical_json(value),
                content_type="application/json",
                if_generation_match=generation,
                **OPTIONS,
            )
        return StoredJson(value, int(blob.generation))

    def write(self, name: str, content: bytes, content_type: str, subject: str) -> None:
        """Write an object, over an older one of that name."""
        with translated("storage.objects.insert", subject):
            self._bucket.blob(name).upload_from_string(
                content, content_type=content_type, **OPTIONS
            )

    def checksum(self, name: str, subject: str) -> str | None:
        """Return the CRC32C of an object as the service writes it, or nothing without an object."""
        with translated("storage.objects.get", subject):
            blob = self._bucket.get_blob(name, **OPTIONS)
        return str(blob.crc32c) if blob else None

    def copy(self, source: SourceObject, name: str, subject: str) -> bool:
        """Copy an object within the bucket, server-side; return whether the source was there."""
        origin = self._bucket.blob(source.name, generation=source.generation)
        target = self._bucket.blob(name)
        token: str | None = None
        try:
            with translated("storage.objects.rewrite", subject, expected=(exceptions.NotFound,)):
                while True:
                    token, _, _ = target.rewrite(origin, token=token, **OPTIONS)
                    if token is None:
                        return True
        except exceptions.NotFound:
            return False

    def delete(self, names: Sequence[tuple[str, int | None]], subject: str) -> None:
        """Delete objects by name and generation; one that is gone already is no error."""
        gone = (exceptions.NotFound, exceptions.PreconditionFailed)
        for name, generation in names:
            with (
                suppress(*gone),
                translated("storage.objects.delete", subject, expected=gone),
            ):
                self._bucket.blob(name).delete(if_generation_match=generation, **OPTIONS)
