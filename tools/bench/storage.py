"""Small objects through the official client, beside fake-gcs-server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from tools.bench.measure import Measurement, stopwatch

_OBJECTS = 600
_OBJECT_BYTES = 4096
_THREADS = 4
_NUMBERS = itertools.count()


def measurements(ours: str, theirs: str | None) -> Iterator[Measurement]:
    """Measure two Storage services by their addresses."""
    buckets = {url: _bucket(url) for url in (ours, theirs) if url}
    yield Measurement(
        f"Storage, uploads of {_OBJECT_BYTES} bytes, {_THREADS} threads of the official client",
        "objects/s",
        "300/s",
        "fake-gcs-server 1.54 (files)"
        if theirs
        else "fake-gcs-server is missing (tools/environment peers)",
        lambda: _upload(buckets[ours]),
        (lambda: _upload(buckets[theirs])) if theirs else None,
    )


def _bucket(url: str) -> storage.Bucket:
    client = storage.Client(
        project="bench",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )
    return client.create_bucket("bench-small-objects")


def _upload(bucket: storage.Bucket) -> float:
    names = [f"o/{next(_NUMBERS)}" for _ in range(_OBJECTS)]
    content = bytes(_OBJECT_BYTES)
    with ThreadPoolExecutor(_THREADS) as threads, stopwatch() as seconds:
        list(threads.map(lambda name: bucket.blob(name).upload_from_string(content), names))
        return _OBJECTS / seconds()
