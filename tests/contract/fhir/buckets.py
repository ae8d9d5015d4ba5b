"""What lies in a bucket, for tests of exports."""

from __future__ import annotations

from google.cloud import storage


def contents(bucket: storage.Bucket) -> dict[str, list[str]]:
    """Return the lines of every object, by name."""
    return {
        blob.name: blob.download_as_text().splitlines()
        for blob in bucket.client.list_blobs(bucket.name)
    }
