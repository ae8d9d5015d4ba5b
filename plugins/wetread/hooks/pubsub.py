"""Pub/Sub on the connection's endpoint."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from wetread.gcp.pubsub import Subscription, Topic
from wetread.hooks.google_cloud import GoogleCloudHook


class PubSubHook(GoogleCloudHook):
    """The official clients over gRPC, bound to the connection.

    An endpoint with the scheme ``http`` is spoken to in clear text, as the local cloud wants it.
    """

    def topic(self, name: str) -> Topic:
        return Topic(self.publisher(), f"projects/{self.project_id}/topics/{name}")

    def subscription(self, name: str) -> Subscription:
        full_name = f"projects/{self.project_id}/subscriptions/{name}"
        return Subscription(self.subscriber(), full_name)

    def publisher(self) -> Any:
        from google.pubsub_v1 import PublisherClient

        return PublisherClient(**self._options(PublisherClient))

    def subscriber(self) -> Any:
        from google.pubsub_v1 import SubscriberClient

        return SubscriberClient(**self._options(SubscriberClient))

    def _options(self, client: Any) -> dict[str, Any]:
        import grpc

        url = urlsplit(self.endpoint("pubsub"))
        if url.scheme == "http":
            transport = client.get_transport_class("grpc")
            return {"transport": transport(channel=grpc.insecure_channel(url.netloc))}
        return {
            "credentials": self.get_credentials(),
            "client_options": {"api_endpoint": url.netloc},
        }
