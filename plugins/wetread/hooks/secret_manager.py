"""Secret Manager on the connection's endpoint."""

from __future__ import annotations

from wetread.core.identity import KeyRing
from wetread.gcp.secrets import StudyKeySecret
from wetread.hooks.google_cloud import GoogleCloudHook


class SecretManagerHook(GoogleCloudHook):
    """The keys that study keys are made with."""

    def study_key_secret(self, secret: str) -> StudyKeySecret:
        from google.cloud import secretmanager

        client = secretmanager.SecretManagerServiceClient(**self.rest_options("secretmanager"))
        return StudyKeySecret(client, f"projects/{self.project_id}/secrets/{secret}")

    def key_ring(self, secret: str) -> KeyRing:
        """Return the keys; a development key only where every endpoint is on this machine."""
        return self.study_key_secret(secret).key_ring(allow_development=self.is_local)
