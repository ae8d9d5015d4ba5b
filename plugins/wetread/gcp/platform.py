"""What Wetread needs of a Google Cloud project, created through the official APIs.

Every step can be repeated and leaves what is right alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions
from google.cloud import storage
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy, Subscription, Topic

from wetread.core.arrivals import INCOMING
from wetread.core.errors import problem
from wetread.core.identity import encode_key
from wetread.core.settings import Settings
from wetread.gcp.healthcare import DatasetPath, HealthcareClient
from wetread.gcp.retries import RETRY, TIMEOUT_SECONDS, translated
from wetread.gcp.secrets import StudyKeySecret
from wetread.gcp.storage import OPTIONS

DEAD_LETTERS = "dead-letters"
"""The topic for messages that nobody could handle, and its subscription, which keeps them."""

_DELIVERY_ATTEMPTS = 100
"""Pub/Sub's maximum: the doorbell gives a message back each time it rings."""

_STAGING_DAYS = 7
"""Staged copies and pictures that a killed task left behind are removed after so many days."""

_NONCURRENT_DAYS = 30
"""Replaced and deleted objects can be restored for so many days."""

_PUBSUB: Mapping[str, Any] = {"retry": RETRY, "timeout": TIMEOUT_SECONDS}


@dataclass(frozen=True)
class Platform:
    """Creates and checks buckets, topics, subscriptions, the dataset, its stores and the secret."""

    project: str
    settings: Settings
    storage: storage.Client
    publisher: PublisherClient
    subscriber: SubscriberClient
    healthcare: HealthcareClient
    dataset: DatasetPath
    secret: StudyKeySecret

    def create_topics(self) -> list[str]:
        """Create the topics, and a subscription of each, with dead letters set aside."""
        created = self._create_topic(DEAD_LETTERS)
        created += self._subscribe(DEAD_LETTERS, DEAD_LETTERS, dead_letters=False)
        for topic, consumer in (
            (self.settings.study_events_topic, "intake"),
            (self.settings.critical_alerts_topic, "audit"),
        ):
            created += self._create_topic(topic)
            created += self._subscribe(topic, f"{topic}-{consumer}", dead_letters=True)
        return created

    def create_buckets(self) -> list[str]:
        """Create the buckets with versioning and lifecycle, and the notification of arrivals."""
        created = []
        for name in (self.settings.incoming_bucket, self.settings.state_bucket):
            bucket = self.storage.bucket(name)
            with translated("storage.buckets.insert", f"bucket {name}"):
                if not bucket.exists(**OPTIONS):
                    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
                    with suppress(exceptions.Conflict):
                        bucket.create(location=self.settings.location, **OPTIONS)
                        created.append(f"bucket {name}")
                self._configure(bucket)
        return created + self._notify()

    def create_stores(self) -> list[str]:
        """Create the dataset, the DICOM store with its notifications, and the FHIR store."""
        new = {
            f"dataset {self.dataset.dataset}": self.healthcare.create_dataset(self.dataset),
            f"DICOM store {self.settings.dicom_store}": self.healthcare.create_store(
                self.dataset, "dicomStores", self.settings.dicom_store, self._dicom_store()
            ),
            f"FHIR store {self.settings.fhir_store}": self.healthcare.create_store(
                self.dataset, "fhirStores", self.settings.fhir_store, _FHIR_STORE
            ),
        }
        return [name for name, is_new in new.items() if is_new]

    def create_study_key(self) -> list[str]:
        """Create the secret with a random 256-bit key, unless it has a version already."""
        is_new = self.secret.create(encode_key(secrets.token_bytes(32)))
        return [f"secret {self.settings.study_key_secret}"] if is_new else []

    def validate(self) -> None:
        """Check what Google would let us get wrong silently.

        Raises
        ------
        PermanentError
            ``not-found`` for what is missing; ``store-unsuitable`` for what is there and cannot be
            relied on.
        """
        self._validate_fhir_store()
        dicom = self.healthcare.get_store(self.dataset, "dicomStores", self.settings.dicom_store)
        topics = [config["pubsubTopic"] for config in dicom.get("notificationConfigs", [])]
        if self._topic(self.settings.study_events_topic) not in topics:
            raise problem("store-unsuitable", "the DICOM store does not notify intake.")
        for name in (self.settings.incoming_bucket, self.settings.state_bucket):
            with translated("storage.buckets.get", f"bucket {name}"):
                if not self.storage.get_bucket(name, **OPTIONS).versioning_enabled:
                    raise problem("store-unsuitable", f"bucket {name} keeps no versions.")

    def _validate_fhir_store(self) -> None:
        """Name what is wrong with the store, and whether it can be set right as it is."""
        name = self.settings.fhir_store
        store = self.healthcare.get_store(self.dataset, "fhirStores", name)
        for is_wrong, what in (
            (store.get("version") != "R4", "is not of version R4"),
            (store.get("disableReferentialIntegrity"), "does not check references"),
            (store.get("disableResourceVersioning"), "keeps no versions of resources"),
        ):
            if is_wrong:
                raise problem(
                    "store-unsuitable",
                    f"the FHIR store {name} {what}, which cannot be changed: name another one in "
                    "the setting fhir_store.",
                )
        if not store.get("enableUpdateCreate"):
            raise problem(
                "store-unsuitable",
                f"the FHIR store {name} takes no ids of its clients (enableUpdateCreate).",
            )

    def _create_topic(self, name: str) -> list[str]:
        with (
            suppress(exceptions.AlreadyExists),
            translated("pubsub.topics.create", name, expected=(exceptions.AlreadyExists,)),
        ):
            self.publisher.create_topic(request=Topic(name=self._topic(name)), **_PUBSUB)
            return [f"topic {name}"]
        return []

    def _subscribe(self, topic: str, name: str, *, dead_letters: bool) -> list[str]:
        subscription = Subscription(
            name=f"projects/{self.project}/subscriptions/{name}",
            topic=self._topic(topic),
            ack_deadline_seconds=120,
            expiration_policy=ExpirationPolicy(),
        )
        if dead_letters:
            subscription.dead_letter_policy = DeadLetterPolicy(
                dead_letter_topic=self._topic(DEAD_LETTERS),
                max_delivery_attempts=_DELIVERY_ATTEMPTS,
            )
        with (
            suppress(exceptions.AlreadyExists),
            translated("pubsub.subscriptions.create", name, expected=(exceptions.AlreadyExists,)),
        ):
            self.subscriber.create_subscription(request=subscription, **_PUBSUB)
            return [f"subscription {name}"]
        return []

    def _configure(self, bucket: storage.Bucket) -> None:
        bucket.reload(**OPTIONS)
        rules = _lifecycle_rules(is_incoming=bucket.name == self.settings.incoming_bucket)
        if bucket.versioning_enabled and list(bucket.lifecycle_rules) == rules:
            return
        bucket.versioning_enabled = True
        bucket.lifecycle_rules = rules
        bucket.patch(**OPTIONS)

    def _notify(self) -> list[str]:
        """Notify of arrivals by name only; the payload would repeat the sender's metadata."""
        bucket = self.storage.bucket(self.settings.incoming_bucket)
        topic = self.settings.study_events_topic
        with translated("storage.notifications.insert", "notification of arrivals"):
            if any(item.topic_name == topic for item in bucket.list_notifications(**OPTIONS)):
                return []
            bucket.notification(
                topic_name=topic,
                topic_project=self.project,
                event_types=["OBJECT_FINALIZE"],
                blob_name_prefix=INCOMING,
                payload_format="NONE",
            ).create(**OPTIONS)
        return ["notification of arrivals"]

    def _dicom_store(self) -> dict[str, Any]:
        topic = self._topic(self.settings.study_events_topic)
        return {"notificationConfigs": [{"pubsubTopic": topic}]}

    def _topic(self, name: str) -> str:
        return f"projects/{self.project}/topics/{name}"


_FHIR_STORE: Mapping[str, Any] = {
    "version": "R4",
    "defaultSearchHandlingStrict": True,
    "enableUpdateCreate": True,
}
"""Provenance and Binary have no identifier to be found by: they are written under ids of ours,
which a store takes only with ``enableUpdateCreate`` (FhirStore of the Healthcare API)."""


def _lifecycle_rules(*, is_incoming: bool) -> Sequence[dict[str, Any]]:
    noncurrent = {
        "action": {"type": "Delete"},
        "condition": {"daysSinceNoncurrentTime": _NONCURRENT_DAYS, "isLive": False},
    }
    left_behind = {
        "action": {"type": "Delete"},
        "condition": {
            "age": _STAGING_DAYS,
            "matchesPrefix": ["staging/" if is_incoming else "pictures/"],
        },
    }
    return [left_behind, noncurrent]
