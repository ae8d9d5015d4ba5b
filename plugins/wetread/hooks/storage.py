"""Cloud Storage on the connection's endpoint."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from wetread.gcp.storage import Bucket
from wetread.hooks.google_cloud import GoogleCloudHook


class StorageHook(GoogleCloudHook):
    """The official client, bound to the connection."""

    @cached_property
    def client(self) -> Any:
        from google.cloud import storage

        return storage.Client(
            project=self.project_id,
            credentials=self.get_credentials(),
            client_options={"api_endpoint": self.endpoint("storage")},
        )

    def bucket(self, name: str) -> Bucket:
        return Bucket(self.client, name)
