"""Messages to a secret's topics about every change of it and of its versions.

Source: https://cloud.google.com/secret-manager/docs/event-notifications
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud.errors import not_found
from localcloud.notify import TopicLookup
from localcloud.secretmanager.rules import timestamp
from localcloud.state.outbox import Outbox

Json = dict[str, Any]


class Notifications:
    """Records messages with the changes they tell of; ``flush`` publishes them."""

    def __init__(self, outbox: Outbox, topic_exists: TopicLookup) -> None:
        self._outbox = outbox
        self._topic_exists = topic_exists

    def check_topics(self, secret: Mapping[str, Any]) -> None:
        """Refuse topics that do not exist, with 404: Google publishes a test message to each."""
        for topic in secret.get("topics") or []:
            if not self._topic_exists(topic["name"]):
                raise not_found(f"Pub/Sub topic [{topic['name']}] does not exist.")

    def configured(self, tx: sqlite3.Connection, secret: Json) -> None:
        """Send every topic of a secret the test message that follows a change of its topics."""
        for topic in secret.get("topics", []):
            self._outbox.add(tx, topic["name"], b"", {"eventType": "TOPIC_CONFIGURED"})

    def tell(
        self,
        tx: sqlite3.Connection,
        event: str,
        secret: Json,
        version: Json | None = None,
        **more: str,
    ) -> None:
        """Tell a secret's topics of an event; the data is the version, else the secret."""
        attributes = {
            "eventType": event,
            "dataFormat": "JSON_API_V1",
            "secretId": secret["name"],
            "timestamp": timestamp(datetime.now(UTC)),
            **more,
        }
        if version is not None:
            attributes["versionId"] = version["name"]
        data = json.dumps(version or secret).encode()
        for topic in secret.get("topics", []):
            self._outbox.add(tx, topic["name"], data, attributes)

    def flush(self) -> None:
        """Publish what is recorded."""
        self._outbox.flush()
