"""One installation of Wetread: its settings, and its clients under the names it gave things."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

from airflow.sdk import Variable

from wetread.core.identity import KeyRing
from wetread.core.settings import Settings, settings_from_json
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.fhir import FhirClient
from wetread.gcp.healthcare import DatasetPath
from wetread.gcp.incoming import IncomingBucket
from wetread.gcp.intake import Intake
from wetread.gcp.platform import Platform
from wetread.gcp.pubsub import Subscription, Topic
from wetread.gcp.state import StudyState
from wetread.gcp.vertex import VertexClient
from wetread.hooks.healthcare import HealthcareHook
from wetread.hooks.pubsub import PubSubHook
from wetread.hooks.secret_manager import SecretManagerHook
from wetread.hooks.storage import StorageHook
from wetread.hooks.vertex import VertexHook

SETTINGS_VARIABLE = "wetread_settings"


class Installation:
    """What every task needs, built once per task from the connection and the settings."""

    def __init__(self, gcp_conn_id: str) -> None:
        self.gcp_conn_id = gcp_conn_id

    @cached_property
    def settings(self) -> Settings:
        return settings_from_json(Variable.get(SETTINGS_VARIABLE, default="{}"))

    @cached_property
    def healthcare(self) -> HealthcareHook:
        return HealthcareHook(gcp_conn_id=self.gcp_conn_id)

    @cached_property
    def pubsub(self) -> PubSubHook:
        return PubSubHook(gcp_conn_id=self.gcp_conn_id)

    @cached_property
    def secrets(self) -> SecretManagerHook:
        return SecretManagerHook(gcp_conn_id=self.gcp_conn_id)

    @cached_property
    def storage(self) -> StorageHook:
        return StorageHook(gcp_conn_id=self.gcp_conn_id)

    @cached_property
    def dataset(self) -> DatasetPath:
        return self.healthcare.dataset(self.settings.location, self.settings.dataset)

    @cached_property
    def dicomweb(self) -> DicomWebClient:
        return self.healthcare.dicomweb(self.dataset.dicom_store(self.settings.dicom_store))

    @cached_property
    def vertex_hook(self) -> VertexHook:
        return VertexHook(gcp_conn_id=self.gcp_conn_id)

    @cached_property
    def vertex(self) -> VertexClient:
        return self.vertex_hook.client(self.settings.location)

    @cached_property
    def fhir(self) -> FhirClient:
        return self.healthcare.fhir(self.dataset.fhir_store(self.settings.fhir_store))

    @cached_property
    def state(self) -> StudyState:
        return StudyState(self.storage.bucket(self.settings.state_bucket))

    @cached_property
    def incoming(self) -> IncomingBucket:
        return IncomingBucket(self.storage.bucket(self.settings.incoming_bucket))

    @cached_property
    def keys(self) -> KeyRing:
        return self.secrets.key_ring(self.settings.study_key_secret)

    @cached_property
    def intake(self) -> Intake:
        quiet = timedelta(seconds=self.settings.quiet_period_seconds)
        return Intake(self.incoming, self.state, self.dicomweb, self.keys, quiet)

    @cached_property
    def platform(self) -> Platform:
        return Platform(
            project=self.healthcare.project_id,
            settings=self.settings,
            storage=self.storage.client,
            publisher=self.pubsub.publisher(),
            subscriber=self.pubsub.subscriber(),
            healthcare=self.healthcare.client(),
            dataset=self.dataset,
            secret=self.secrets.study_key_secret(self.settings.study_key_secret),
        )

    @property
    def study_events(self) -> Subscription:
        return self.pubsub.subscription(f"{self.settings.study_events_topic}-intake")

    @property
    def critical_alerts(self) -> Topic:
        return self.pubsub.topic(self.settings.critical_alerts_topic)
