"""One resumable upload after another, each going on over every death, a chunk at a time."""

from __future__ import annotations

import itertools
import random

import requests
from tests.contract.conftest import RunningCloud
from tests.contract.crash.ledger import Ledger, digest
from tests.contract.crash.load import TIMEOUT_SECONDS
from tests.contract.crash.storage_load import NO_RETRY, client_of

_BUCKET = "crash-sessions"
_CHUNK_BYTES = 256 << 10
_TOTAL_BYTES = 6 * _CHUNK_BYTES


class SessionLoad:
    """The bytes that a session confirmed are never asked for again."""

    name = "resumable session"

    def __init__(self) -> None:
        self.ledger = Ledger("object of a session")
        self._object = ""
        self._path = ""
        self._content = b""
        self._sent = self._confirmed = self._resumed = 0

    def prepare(self, cloud: RunningCloud) -> None:
        client_of(cloud).create_bucket(_BUCKET)

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        for number in itertools.count():
            if not self._path:
                self._begin(cloud, f"{prefix}{number}", dice)
            while self._confirmed + _CHUNK_BYTES < _TOTAL_BYTES:
                self._send(cloud)
            with self.ledger.writing({self._object: digest(self._content)}):
                self._send(cloud)
            self._path = ""

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        lines = self._resume(cloud) if self._path else []
        if not prefix:
            blobs = client_of(cloud).list_blobs(_BUCKET, **NO_RETRY)
            found = {blob.name: digest(blob.download_as_bytes(**NO_RETRY)) for blob in blobs}
            lines += self.ledger.problems(found)
        return lines

    def summary(self) -> dict[str, int]:
        return {**self.ledger.counts(), "resumed": self._resumed}

    def _begin(self, cloud: RunningCloud, name: str, dice: random.Random) -> None:
        answer = requests.post(
            f"{cloud.storage}/upload/storage/v1/b/{_BUCKET}/o",
            params={"uploadType": "resumable", "name": name},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        self._object, self._content = name, dice.randbytes(_TOTAL_BYTES)
        self._sent = self._confirmed = 0
        # The port is another one after each start; the rest of the URL stays valid.
        self._path = answer.headers["Location"].removeprefix(cloud.storage)

    def _send(self, cloud: RunningCloud) -> None:
        start = self._confirmed
        self._sent = min(start + _CHUNK_BYTES, _TOTAL_BYTES)
        chunk = self._content[start : self._sent]
        self._put(cloud, f"bytes {start}-{self._sent - 1}/{_TOTAL_BYTES}", chunk)
        self._confirmed = self._sent

    def _resume(self, cloud: RunningCloud) -> list[str]:
        answer = self._put(cloud, f"bytes */{_TOTAL_BYTES}", b"")
        self._resumed += 1
        held = 0
        if answer.status_code == 200:
            self._path = ""
            held = _TOTAL_BYTES
        elif held_range := answer.headers.get("Range"):
            held = int(held_range.rpartition("-")[2]) + 1
        low, high = self._confirmed, self._sent
        self._confirmed = held
        if low <= held <= high:
            return []
        return [f"session of {self._object} holds {held} bytes, confirmed {low}, sent {high}"]

    def _put(self, cloud: RunningCloud, content_range: str, data: bytes) -> requests.Response:
        answer = requests.put(
            cloud.storage + self._path,
            data=data,
            headers={"Content-Range": content_range},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return answer
