"""Service agents: the accounts under which Google's services use each other.

Source: https://cloud.google.com/healthcare-api/docs/permissions-healthcare-api-gcp-products and
https://cloud.google.com/storage/docs/projects#service-agents
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping

from localcloud.auth.caller import Caller, current
from localcloud.notify import Publisher
from localcloud.objects import CloudObjects
from localcloud.storage.bucket_rules import project_number

# The agent that sends a message, which names where it comes from.
Sender = Callable[[bytes, Mapping[str, str]], Caller]


def healthcare_agent(project: str) -> str:
    """Return the Cloud Healthcare Service Agent of a project."""
    return f"service-{project_number(project)}@gcp-sa-healthcare.iam.gserviceaccount.com"


def storage_agent(project: str) -> str:
    """Return the Cloud Storage service agent of a project."""
    return f"service-{project_number(project)}@gs-project-accounts.iam.gserviceaccount.com"


class GuardedObjects:
    """Cloud Storage for other services, as far as the caller or agent they work for may use it."""

    def __init__(self, objects: CloudObjects) -> None:
        self._objects = objects

    def list(self, bucket: str, prefix: str) -> builtins.list[str]:
        """Return the names of all live objects below a prefix, sorted."""
        _require(bucket, "list")
        return self._objects.list(bucket, prefix)

    def size(self, bucket: str, name: str) -> int:
        """Return how many bytes an object has."""
        _require(bucket, "get")
        return self._objects.size(bucket, name)

    def read(self, bucket: str, name: str) -> bytes:
        """Return an object's whole content."""
        _require(bucket, "get")
        return self._objects.read(bucket, name)

    def write(self, bucket: str, name: str, data: bytes, content_type: str) -> None:
        """Store an object, replacing what had its name."""
        _require(bucket, "create")
        _require(bucket, "delete")
        self._objects.write(bucket, name, data, content_type)


class GuardedPublisher:
    """Pub/Sub for other services' notifications, as far as their agent may publish."""

    def __init__(self, publisher: Publisher, sender: Sender) -> None:
        self._publisher = publisher
        self._sender = sender

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        """Publish one message.

        Raises
        ------
        GoogleError
            PERMISSION_DENIED when the agent lacks pubsub.topics.publish, else as the publisher.
        """
        self._sender(data, attributes).require("pubsub.topics.publish", topic)
        self._publisher.publish(topic, data, attributes)


def _require(bucket: str, verb: str) -> None:
    current().require(f"storage.objects.{verb}", f"projects/_/buckets/{bucket}")
