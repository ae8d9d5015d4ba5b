"""Changes of a FHIR store on Pub/Sub.

Source: https://cloud.google.com/healthcare-api/docs/fhir-pubsub
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.records import dumps, version_id
from localcloud.healthcare.fhir.settings import Destination, StoreSettings
from localcloud.healthcare.fhir.temporal import from_microseconds
from localcloud.healthcare.fhir.work import Change
from localcloud.state.outbox import Outbox

# A Pub/Sub message takes 10 MB; the margin is for its attributes.
# Source: https://cloud.google.com/healthcare-api/docs/fhir-pubsub, "Behavior when a FHIR resource
# is too large or traffic is high", and fhir.Binary-create of healthcare.v1
_MAX_RESOURCE_BYTES = 10_000_000 - 10_000
_ABSENT = {
    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
    "valueCode": "unsupported",
}


def enqueue(
    tx: sqlite3.Connection, outbox: Outbox, settings: StoreSettings, changes: Iterable[Change]
) -> None:
    """Record the messages of some changes within their transaction."""
    for change in changes:
        for destination in settings.destinations:
            data, attributes = _message(settings, change, destination)
            outbox.add(tx, destination.topic, data, attributes)


def _message(
    settings: StoreSettings, change: Change, destination: Destination
) -> tuple[bytes, dict[str, str]]:
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
    return name.encode() if body is None else body, attributes


def _payload(resource: Json) -> bytes | None:
    """Return a resource as a message carries it, None when it is too large for one."""
    body = dumps(resource).encode()
    if len(body) > _MAX_RESOURCE_BYTES and resource["resourceType"] == "Binary":
        kept = {key: value for key, value in resource.items() if key != "data"}
        body = dumps({**kept, "_data": {"extension": [_ABSENT]}}).encode()
    return body if len(body) <= _MAX_RESOURCE_BYTES else None
