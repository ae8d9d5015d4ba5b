"""Objects by every kind of upload, then overwritten, copied, composed and deleted."""

from __future__ import annotations

import base64
import io
import itertools
import random
from typing import Any

import google_crc32c
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tests.contract.conftest import RunningCloud
from tests.contract.crash.ledger import ABSENT, Ledger
from tests.contract.crash.load import NOTES, PROJECT, TIMEOUT_SECONDS

BUCKET = "crash-objects"
NO_RETRY: dict[str, Any] = {"retry": None, "timeout": TIMEOUT_SECONDS}
_CHUNK_BYTES = 256 << 10


def client_of(cloud: RunningCloud) -> storage.Client:
    """Return a new official client of a cloud."""
    return storage.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.storage},
    )


def _crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


class StorageLoad:
    """A ledger of names and checksums; content is random, so that no two writes look alike."""

    name = "storage"

    def __init__(self) -> None:
        self.ledger = Ledger("object")
        self.finalized: set[str] = set()

    def prepare(self, cloud: RunningCloud) -> None:
        bucket = client_of(cloud).create_bucket(BUCKET)
        project, _, topic = NOTES.removeprefix("projects/").partition("/topics/")
        bucket.notification(topic, topic_project=project, payload_format="NONE").create()

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        bucket = client_of(cloud).bucket(BUCKET)
        for number in itertools.count():
            name = f"{prefix}{number}"
            first, second = dice.randbytes(20_000), dice.randbytes(300_000)
            self._multipart(bucket, f"{name}/multipart", first)
            self._simple(cloud, f"{name}/simple", first[:7])
            self._resumable(bucket, f"{name}/resumable", second)
            self._derive(bucket, name, first + second)
            self._multipart(bucket, f"{name}/simple", second[:10_000])
            with self.ledger.writing({f"{name}/multipart": ABSENT}):
                bucket.blob(f"{name}/multipart").delete(**NO_RETRY)

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        blobs = list(client_of(cloud).list_blobs(BUCKET, prefix=prefix, **NO_RETRY))
        lines = self.ledger.problems({blob.name: blob.crc32c for blob in blobs}, prefix)
        for blob in blobs if not prefix else ():
            try:
                content = blob.download_as_bytes(**NO_RETRY)
            except Exception as error:  # the client raises what it finds wrong in many ways
                lines.append(f"object {blob.name} is listed but unreadable: {error!r}")
            else:
                if _crc32c(content) != blob.crc32c:
                    lines.append(f"object {blob.name} does not match its checksum")
        return lines

    def summary(self) -> dict[str, int]:
        return self.ledger.counts()

    def _multipart(self, bucket: storage.Bucket, name: str, content: bytes) -> None:
        with self.ledger.writing({name: _crc32c(content)}):
            bucket.blob(name).upload_from_string(content, **NO_RETRY)
        self.finalized.add(name)

    def _simple(self, cloud: RunningCloud, name: str, content: bytes) -> None:
        with self.ledger.writing({name: _crc32c(content)}):
            requests.post(
                f"{cloud.storage}/upload/storage/v1/b/{BUCKET}/o",
                params={"uploadType": "media", "name": name},
                data=content,
                timeout=TIMEOUT_SECONDS,
            ).raise_for_status()
        self.finalized.add(name)

    def _resumable(self, bucket: storage.Bucket, name: str, content: bytes) -> None:
        blob = bucket.blob(name, chunk_size=_CHUNK_BYTES)
        with self.ledger.writing({name: _crc32c(content)}):
            # Of unknown size, a stream is sent chunk by chunk.
            blob.upload_from_file(io.BytesIO(content), **NO_RETRY)
        self.finalized.add(name)

    def _derive(self, bucket: storage.Bucket, name: str, content: bytes) -> None:
        parts = [bucket.blob(f"{name}/multipart"), bucket.blob(f"{name}/resumable")]
        with self.ledger.writing({f"{name}/composed": _crc32c(content)}):
            bucket.blob(f"{name}/composed").compose(parts, **NO_RETRY)
        with self.ledger.writing({f"{name}/copy": _crc32c(content)}):
            bucket.blob(f"{name}/copy").rewrite(bucket.blob(f"{name}/composed"), **NO_RETRY)
