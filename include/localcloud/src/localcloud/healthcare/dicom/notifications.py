"""One Pub/Sub message per instance that changes, in the store's own and in the legacy form.

A message is recorded with its change, so neither is ever without the other; one whose topic is
gone is dropped, and the instance stays.
Source: https://cloud.google.com/healthcare-api/docs/how-tos/dicom-pubsub
"""

from __future__ import annotations

import datetime
import email.utils
import sqlite3
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from localcloud.healthcare.dicom.index import Instance
from localcloud.healthcare.stores import Resources
from localcloud.state.outbox import Outbox


class Action(StrEnum):
    """The call that changed an instance, as the attribute ``action`` names it."""

    STORE = "StoreInstances"
    IMPORT = "ImportDicomData"
    DELETE = "DeleteInstances"


class Notifications:
    """Records what a store's configuration asks for, and sends it after the transaction."""

    def __init__(self, outbox: Outbox, resources: Resources) -> None:
        self._outbox = outbox
        self._resources = resources
        self.flush = outbox.flush

    def record(
        self, tx: sqlite3.Connection, store: str, action: Action, instances: Sequence[Instance]
    ) -> None:
        """Record one message per instance and configured topic, within a transaction."""
        config = self._resources.get(store)
        topics = [entry["pubsubTopic"] for entry in config.get("notificationConfigs", [])]
        legacy_topic = _legacy_topic(config.get("notificationConfig", {}), action)
        for instance in instances:
            name = instance.name.encode()
            for topic in topics:
                self._outbox.add(tx, topic, name, _attributes(action, instance))
            if legacy_topic:
                self._outbox.add(tx, legacy_topic, name, {})


def _legacy_topic(config: Mapping[str, Any], action: Action) -> str:
    wanted = action is Action.STORE or (
        action is Action.IMPORT and config.get("sendForBulkImport", False)
    )
    return str(config.get("pubsubTopic", "")) if wanted else ""


def _attributes(action: Action, instance: Instance) -> dict[str, str]:
    updated = datetime.datetime.fromisoformat(instance.updated)
    return {
        "action": str(action),
        # RFC 1123, though nearly everything else in the API is RFC 3339.
        "lastUpdatedTime": email.utils.format_datetime(updated).replace("+0000", "UTC"),
        "storeName": instance.store,
        "studyInstanceUID": instance.study,
        "seriesInstanceUID": instance.series,
        "sopInstanceUID": instance.instance,
        "versionId": str(instance.id),
        "modality": instance.modality,
        "storageClass": "STANDARD",
    }
