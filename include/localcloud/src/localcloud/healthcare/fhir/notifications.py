"""Changes of a FHIR store on Pub/Sub, through an outbox written with the change itself.

A message leaves after the commit; what a killed process had not sent is sent at the next start.
Source: https://cloud.google.com/healthcare-api/docs/fhir-pubsub
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterable

from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.records import dumps, version_id
from localcloud.healthcare.fhir.settings import Destination, StoreSettings
from localcloud.healthcare.fhir.temporal import from_microseconds
from localcloud.healthcare.fhir.work import Change
from localcloud.notify import Publisher
from localcloud.state.database import Database

# A Pub/Sub message takes 10 MB; the margin is for its attributes.
# Source: https://cloud.google.com/healthcare-api/docs/fhir-pubsub, "Behavior when a FHIR resource
# is too large or traffic is high", and fhir.Binary-create of healthcare.v1
_MAX_RESOURCE_BYTES = 10_000_000 - 10_000
_ABSENT = {
    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
    "valueCode": "unsupported",
}
_log = logging.getLogger(__name__)


def enqueue(tx: sqlite3.Connection, settings: StoreSettings, changes: Iterable[Change]) -> int:
    """Write the messages of some changes to the outbox; returns how many."""
    rows = [
        (destination.topic, *_message(settings, change, destination))
        for change in changes
        for destination in settings.destinations
    ]
    tx.executemany("INSERT INTO fhir_outbox (topic, data, attributes) VALUES (?, ?, ?)", rows)
    return len(rows)


def _message(
    settings: StoreSettings, change: Change, destination: Destination
) -> tuple[bytes, str]:
    resource: Json = change.resource
    name = f"{settings.name}/fhir/{resource['resourceType']}/{resource['id']}"
    is_delete = change.action == "DeleteResource"
    wanted = destination.send_previous_on_delete if is_delete else destination.send_full_resource
    body = _payload(resource) if wanted else None
    attributes = {
        "action": change.action,
        "lastUpdatedTime": from_microseconds(change.version).strftime("%a, %d %b %Y %H:%M:%S UTC"),
        "payloadType": "NameOnly" if body is None else "FullResource",
        "resourceType": resource["resourceType"],
        "storeName": settings.name,
        "versionId": version_id(change.version),
    }
    return name.encode() if body is None else body, dumps(attributes)


def _payload(resource: Json) -> bytes | None:
    """Return a resource as a message carries it, None when it is too large for one."""
    body = dumps(resource).encode()
    if len(body) > _MAX_RESOURCE_BYTES and resource["resourceType"] == "Binary":
        kept = {key: value for key, value in resource.items() if key != "data"}
        body = dumps({**kept, "_data": {"extension": [_ABSENT]}}).encode()
    return body if len(body) <= _MAX_RESOURCE_BYTES else None


class Outbox:
    """Sends what is in the outbox, in order, each message at least once."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._sending = threading.Lock()
        self._failing: set[str] = set()

    def flush(self) -> None:
        """Publish all that waits. A topic that is gone loses its messages, as on Google."""
        with self._sending:
            rows = self._database.read(
                "SELECT key, topic, data, attributes FROM fhir_outbox ORDER BY key"
            )
            for row in rows:
                self._publish(row["topic"], row["data"], json.loads(row["attributes"]))
            if rows:
                with self._database.write() as tx:
                    tx.execute("DELETE FROM fhir_outbox WHERE key <= ?", (rows[-1]["key"],))

    def _publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        try:
            self._publisher.publish(topic, data, attributes)
            self._failing.discard(topic)
        except GoogleError as error:
            # One line until it works again: a store may make thousands of changes an hour.
            if topic not in self._failing:
                _log.warning("FHIR changes are not announced on %s: %s", topic, error.message)
            self._failing.add(topic)
