"""Vision AI on the connection's endpoint; the provider's hook cannot be pointed elsewhere."""

from __future__ import annotations

from wetread.gcp.vision import VisionClient
from wetread.hooks.google_cloud import GoogleCloudHook


class VisionHook(GoogleCloudHook):
    """The official client over REST, bound to the connection."""

    def client(self, *, max_results: int) -> VisionClient:
        from google.cloud import vision

        client = vision.ImageAnnotatorClient(**self.rest_options("vision"))
        return VisionClient(client, max_results=max_results)
