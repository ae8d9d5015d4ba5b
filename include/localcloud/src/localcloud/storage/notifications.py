"""Pub/Sub notifications of buckets.

Source: https://cloud.google.com/storage/docs/pubsub-notifications
"""

from __future__ import annotations

import enum
import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from localcloud.auth.agents import storage_agent
from localcloud.auth.caller import current
from localcloud.errors import GoogleError, invalid_argument, not_found
from localcloud.notify import TopicLookup
from localcloud.state.database import Database
from localcloud.state.outbox import Outbox
from localcloud.storage.buckets import read_bucket
from localcloud.storage.records import ObjectVersion, entity_tag, timestamp

_TOPIC_HOST = "//pubsub.googleapis.com/"
_TOPIC = re.compile(re.escape(_TOPIC_HOST) + r"projects/[^/]+/topics/[^/]+")
_PAYLOAD_FORMATS = frozenset({"JSON_API_V1", "NONE"})
_MAX_CONFIGS = 100


class EventType(enum.StrEnum):
    """What happened to an object."""

    FINALIZE = "OBJECT_FINALIZE"
    METADATA_UPDATE = "OBJECT_METADATA_UPDATE"
    DELETE = "OBJECT_DELETE"
    ARCHIVE = "OBJECT_ARCHIVE"


class Notifications:
    """The notification configurations of buckets and the messages they cause."""

    def __init__(
        self, database: Database, outbox: Outbox, topic_exists: TopicLookup, base_url: str
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._topic_exists = topic_exists
        self._base_url = base_url

    def insert(self, bucket: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Add a configuration.

        Raises
        ------
        GoogleError
            400 when a field is missing or unknown, 403 when the topic does not exist, 404 when the
            bucket does not.
        """
        fields = _checked(request)
        if not self._may_publish(bucket, _topic_name(fields)):
            raise GoogleError.of(
                403,
                "The service account does not have permission to publish messages to the Cloud "
                f"Pub/Sub topic '{fields['topic']}', or that topic does not exist.",
            )
        with self._database.write() as tx:
            read_bucket(tx, bucket)
            newest, count = tx.execute(
                "SELECT coalesce(max(id), 0), count(*) FROM notification_configs WHERE bucket = ?",
                (bucket,),
            ).fetchone()
            if count >= _MAX_CONFIGS:
                raise GoogleError.of(400, f"{bucket} has the maximum of {_MAX_CONFIGS} configs.")
            tx.execute(
                "INSERT INTO notification_configs VALUES (?, ?, ?)",
                (bucket, newest + 1, json.dumps(fields)),
            )
        return self._resource(bucket, newest + 1, fields)

    def _may_publish(self, bucket: str, topic: str) -> bool:
        rows = self._database.read("SELECT project FROM buckets WHERE name = ?", (bucket,))
        agent = current().acting_for(storage_agent(rows[0]["project"] if rows else ""))
        return agent.allows("pubsub.topics.publish", topic) and self._topic_exists(topic)

    def get(self, bucket: str, config_id: str) -> dict[str, Any]:
        """Return one configuration.

        Raises
        ------
        GoogleError
            404 when it does not exist.
        """
        found = [config for config in self.list(bucket) if config["id"] == config_id]
        if not found:
            raise not_found(f"Notification not found: {bucket}/{config_id}.")
        return found[0]

    def list(self, bucket: str) -> list[dict[str, Any]]:
        """Return the configurations of a bucket."""
        with self._database.write() as tx:
            read_bucket(tx, bucket)
            rows = _configs(tx, bucket)
        return [self._resource(bucket, row["id"], json.loads(row["resource"])) for row in rows]

    def delete(self, bucket: str, config_id: str) -> None:
        """Remove one configuration."""
        self.get(bucket, config_id)
        with self._database.write() as tx:
            tx.execute(
                "DELETE FROM notification_configs WHERE bucket = ? AND id = ?",
                (bucket, int(config_id)),
            )

    def record(
        self,
        tx: sqlite3.Connection,
        event: EventType,
        version: ObjectVersion,
        attributes: Mapping[str, str],
    ) -> None:
        """Record the messages that an event causes, within the transaction of the change."""
        for row in _configs(tx, version.bucket):
            config = json.loads(row["resource"])
            wanted = config.get("event_types") or list(EventType)
            if event not in wanted:
                continue
            if not version.name.startswith(config.get("object_name_prefix", "")):
                continue
            message = {
                **config.get("custom_attributes", {}),
                "notificationConfig": f"projects/_/buckets/{version.bucket}"
                f"/notificationConfigs/{row['id']}",
                "eventType": str(event),
                "payloadFormat": config["payload_format"],
                "bucketId": version.bucket,
                "objectId": version.name,
                "objectGeneration": str(version.generation),
                "eventTime": timestamp(),
                **attributes,
            }
            data = b""
            if config["payload_format"] == "JSON_API_V1":
                data = json.dumps(version.resource(self._base_url)).encode()
            self._outbox.add(tx, _topic_name(config), data, message)

    def flush(self) -> None:
        """Publish what was recorded."""
        self._outbox.flush()

    def _resource(self, bucket: str, config_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "kind": "storage#notification",
            "id": str(config_id),
            "selfLink": f"{self._base_url}/storage/v1/b/{bucket}/notificationConfigs/{config_id}",
            "etag": entity_tag(config_id),
            **fields,
        }


def _configs(tx: sqlite3.Connection, bucket: str) -> list[sqlite3.Row]:
    return tx.execute(
        "SELECT * FROM notification_configs WHERE bucket = ? ORDER BY id", (bucket,)
    ).fetchall()


def _topic_name(config: Mapping[str, Any]) -> str:
    return str(config["topic"]).removeprefix(_TOPIC_HOST)


def _checked(request: Mapping[str, Any]) -> dict[str, Any]:
    names = ("topic", "payload_format", "event_types", "object_name_prefix", "custom_attributes")
    fields = {name: request[name] for name in names if request.get(name)}
    if not _TOPIC.fullmatch(str(fields.get("topic", ""))):
        raise invalid_argument(
            "Invalid Google Cloud Pub/Sub topic; give //pubsub.googleapis.com/projects/P/topics/T."
        )
    if fields.get("payload_format") not in _PAYLOAD_FORMATS:
        raise invalid_argument(f"payload_format must be one of {sorted(_PAYLOAD_FORMATS)}.")
    if unknown := sorted(set(fields.get("event_types", ())) - set(EventType)):
        raise invalid_argument(f"Invalid event type: {unknown[0]!r}.")
    return fields
