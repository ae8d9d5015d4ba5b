"""One Pub/Sub message per instance that changes, in the store's own and in the legacy form.

A message is recorded with its change, so neither is ever without the other. A call whose topic
does not exist fails and changes nothing; a topic that goes after that loses its message.
Source: https://cloud.google.com/healthcare-api/docs/dicom-pubsub
"""

from __future__ import annotations

import base64
import datetime
import email.utils
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from localcloud.auth.agents import healthcare_agent
from localcloud.auth.caller import current
from localcloud.healthcare.dicom.index import Instance
from localcloud.healthcare.dicom.storage_classes import STANDARD, StorageClasses
from localcloud.healthcare.resources import forbidden, rfc3339, utc_now
from localcloud.healthcare.stores import Resources
from localcloud.notify import TopicLookup
from localcloud.state.outbox import Outbox


class Action(StrEnum):
    """The call that changed an instance, as the attribute ``action`` names it."""

    STORE = "StoreInstances"
    IMPORT = "ImportDicomData"
    SET_BLOB_SETTINGS = "SetBlobSettings"
    DELETE = "DeleteInstances"
    DEIDENTIFY = "DeidentifyDicomStore"
    """Told to nobody: the notification page does not list it."""


@dataclass(frozen=True)
class _Change:
    """What happened to one instance; `updated` is RFC 3339."""

    action: Action
    instance: Instance
    updated: str
    storage_class: str
    previous_class: str = ""

    def attributes(self) -> dict[str, str]:
        instance = self.instance
        moment = datetime.datetime.fromisoformat(self.updated)
        attributes = {
            "action": str(self.action),
            # RFC 1123, though nearly everything else in the API is RFC 3339.
            "lastUpdatedTime": email.utils.format_datetime(moment).replace("+0000", "UTC"),
            "storeName": instance.store,
            "studyInstanceUID": instance.study,
            "seriesInstanceUID": instance.series,
            "sopInstanceUID": instance.instance,
            "versionId": _version(instance),
            "modality": instance.modality,
            "storageClass": self.storage_class,
        }
        if self.previous_class:
            attributes["previousStorageClass"] = self.previous_class
        return attributes


class Recorder(Protocol):
    """What hears of new instances."""

    def record(
        self,
        tx: sqlite3.Connection,
        store: str,
        action: Action,
        instances: Sequence[Instance],
        storage_class: str = STANDARD,
    ) -> None:
        """Record a change within its transaction."""

    def flush(self) -> None:
        """Send what is recorded; called after the transaction."""


class Notifications:
    """Records what a store's configuration asks for, and sends it after the transaction."""

    def __init__(
        self,
        outbox: Outbox,
        resources: Resources,
        classes: StorageClasses,
        topic_exists: TopicLookup,
    ) -> None:
        self._outbox = outbox
        self._resources = resources
        self._classes = classes
        self._topic_exists = topic_exists

    def flush(self) -> None:
        """Publish what is recorded; called after the transaction."""
        self._outbox.flush()

    def record(
        self,
        tx: sqlite3.Connection,
        store: str,
        action: Action,
        instances: Sequence[Instance],
        storage_class: str = STANDARD,
    ) -> None:
        """Record one message per instance and configured topic, within a transaction.

        Parameters
        ----------
        storage_class
            The class of instances that are new. Those deleted have one, and lose it here.

        Raises
        ------
        GoogleError
            403 when a topic that is to be told does not exist; the transaction must not commit.
        """
        if action is Action.DELETE:
            classes = self._classes.of_each(tx, instances)
            self._classes.forget(tx, instances)
        else:
            classes = dict.fromkeys((instance.id for instance in instances), storage_class)
        if action is not Action.DELETE and storage_class != STANDARD:
            self._classes.set(tx, instances, storage_class, rfc3339(utc_now()))
        changes = [_Change(action, i, i.updated, classes[i.id]) for i in instances]
        self._record(tx, store, action, changes)

    def record_class_change(
        self,
        tx: sqlite3.Connection,
        store: str,
        previous: Mapping[int, str],
        instances: Sequence[Instance],
        wanted: str,
    ) -> None:
        """Give instances another storage class and tell of it, within a transaction.

        Parameters
        ----------
        previous
            The class that each instance has until now, by id.
        """
        now = rfc3339(utc_now())
        self._classes.set(tx, instances, wanted, now)
        action = Action.SET_BLOB_SETTINGS
        changes = [_Change(action, i, now, wanted, previous[i.id]) for i in instances]
        self._record(tx, store, action, changes)

    def _record(
        self, tx: sqlite3.Connection, store: str, action: Action, changes: Sequence[_Change]
    ) -> None:
        # Also where nobody is told: the store may have been deleted meanwhile.
        config = self._resources.get(store)
        if action is Action.DEIDENTIFY:
            return
        topics = [entry["pubsubTopic"] for entry in config.get("notificationConfigs", [])]
        legacy_topic = _legacy_topic(config.get("notificationConfig", {}), action)
        if changes:
            self._check_topics(store, [*topics, legacy_topic])
        for change in changes:
            name = change.instance.name.encode()
            for topic in topics:
                self._outbox.add(tx, topic, name, change.attributes())
            if legacy_topic:
                self._outbox.add(tx, legacy_topic, name, {})

    def _check_topics(self, store: str, topics: Sequence[str]) -> None:
        agent = current().acting_for(healthcare_agent(store.split("/")[1]))
        for topic in set(filter(None, topics)):
            if not (agent.allows("pubsub.topics.publish", topic) and self._topic_exists(topic)):
                raise forbidden("pubsub.topics.publish", topic)


def _legacy_topic(config: Mapping[str, Any], action: Action) -> str:
    wanted = action is Action.STORE or (
        action is Action.IMPORT and config.get("sendForBulkImport", False)
    )
    return str(config.get("pubsubTopic", "")) if wanted else ""


def _version(instance: Instance) -> str:
    return base64.urlsafe_b64encode(str(instance.id).encode()).decode().rstrip("=")
