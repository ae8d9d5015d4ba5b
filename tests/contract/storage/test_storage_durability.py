"""What was acknowledged survives the death of the server."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tests.contract.conftest import RunningCloud, StartCloud

DOCS = "https://cloud.google.com/storage/docs/consistency"
CHUNK_BYTES = 256 << 10


def _client(cloud: RunningCloud) -> storage.Client:
    return storage.Client(
        project="durability",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.storage},
    )


@pytest.mark.rule("storage.durability", DOCS)
def test_acknowledged_writes_survive_a_kill(start_cloud: StartCloud, tmp_path: Path) -> None:
    contents = {f"o/{number}": os.urandom(20_000) for number in range(20)}
    half = os.urandom(CHUNK_BYTES)
    with start_cloud(tmp_path / "data") as cloud:
        bucket = _client(cloud).create_bucket("survivors")
        for name, content in contents.items():
            bucket.blob(name).upload_from_string(content)
        bucket.blob("o/0").delete()
        answer = requests.post(
            f"{cloud.storage}/upload/storage/v1/b/survivors/o",
            params={"uploadType": "resumable", "name": "late"},
            timeout=10,
        )
        session = answer.headers["Location"].removeprefix(cloud.storage)
        requests.put(
            f"{cloud.storage}{session}",
            data=half,
            headers={"Content-Range": f"bytes 0-{CHUNK_BYTES - 1}/*"},
            timeout=10,
        )
        cloud.process.kill()
        cloud.process.wait()
    with start_cloud(tmp_path / "data") as cloud:
        bucket = _client(cloud).bucket("survivors")
        found = {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs()}
        del contents["o/0"]
        assert found == contents
        last = requests.put(
            f"{cloud.storage}{session}",
            data=b"end",
            headers={"Content-Range": f"bytes {CHUNK_BYTES}-{CHUNK_BYTES + 2}/{CHUNK_BYTES + 3}"},
            timeout=10,
        )
        assert last.status_code == 200
        assert bucket.blob("late").download_as_bytes() == half + b"end"


@pytest.mark.rule("storage.durability.space", DOCS)
def test_a_restart_frees_what_no_object_holds(start_cloud: StartCloud, tmp_path: Path) -> None:
    def stored_bytes() -> int:
        found = (tmp_path / "blobs/storage").rglob("*")
        return sum(path.stat().st_size for path in found if path.is_file())

    with start_cloud(tmp_path) as cloud:
        client = _client(cloud)
        wanted = client.bucket("frees-space")
        wanted.soft_delete_policy.retention_duration_seconds = 0
        bucket = client.create_bucket(wanted)
        bucket.blob("kept").upload_from_file(io.BytesIO(b"k" * 1000))
        bucket.blob("gone").upload_from_file(io.BytesIO(b"g" * 3_000_000))
        bucket.blob("gone").delete()
        assert stored_bytes() > 3_000_000
    with start_cloud(tmp_path) as cloud:
        assert stored_bytes() < 1_000_000
        assert _client(cloud).bucket("frees-space").blob("kept").download_as_bytes() == b"k" * 1000
