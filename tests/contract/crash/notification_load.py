"""The messages that Storage, DICOM and FHIR send: one at least for each acknowledged change."""

from __future__ import annotations

import random

from google.pubsub_v1.types import PubsubMessage
from tests.contract.conftest import RunningCloud
from tests.contract.crash.dicom_load import DicomLoad
from tests.contract.crash.fhir_load import FhirLoad
from tests.contract.crash.load import NOTES, PROJECT
from tests.contract.crash.pubsub_load import drain, publisher_of, subscriber_of
from tests.contract.crash.storage_load import StorageLoad

_NOTED = f"projects/{PROJECT}/subscriptions/noted"


class NotificationLoad:
    """Writes nothing itself; reads at the end what the other loads caused."""

    name = "notifications"

    def __init__(self, storage: StorageLoad, dicom: DicomLoad, fhir: FhirLoad) -> None:
        self._storage, self._dicom, self._fhir = storage, dicom, fhir
        self._came: set[str] = set()

    def prepare(self, cloud: RunningCloud) -> None:
        """Create the topic; has to come before the loads that name it."""
        with publisher_of(cloud) as publisher, subscriber_of(cloud) as subscriber:
            publisher.create_topic(name=NOTES)
            subscriber.create_subscription(request={"name": _NOTED, "topic": NOTES})

    def work(self, cloud: RunningCloud, prefix: str, dice: random.Random) -> None:
        """Nothing."""

    def problems(self, cloud: RunningCloud, prefix: str) -> list[str]:
        if prefix:
            return []
        for message in drain(cloud, _NOTED, wait_seconds=1.0):
            if "DELETE" in _event(message).upper():
                continue
            path = message.attributes.get("objectId") or message.data.decode()
            self._came.add(path.rpartition("/dicomWeb/")[2].rpartition("/fhir/")[2])
        due = self._storage.finalized | self._dicom.stored | self._fhir.created
        return [f"no notification of {name}" for name in sorted(due - self._came)]

    def summary(self) -> dict[str, int]:
        return {"came": len(self._came)}


def _event(message: PubsubMessage) -> str:
    """Return what a message tells of; Storage and Healthcare have attributes of their own."""
    return message.attributes.get("eventType") or message.attributes.get("action", "")
