"""Secret Manager: the ring of keys that study keys are made with."""

from __future__ import annotations

from contextlib import suppress

from google.api_core import exceptions
from google.cloud import secretmanager

from wetread.core.errors import problem
from wetread.core.identity import KeyRing, decode_key
from wetread.gcp.retries import RETRY, TIMEOUT_SECONDS, translated

_SUBJECT = "the study key secret"


class StudyKeySecret:
    """The secret ``projects/P/secrets/S``; each enabled version is one key of the ring."""

    def __init__(self, client: secretmanager.SecretManagerServiceClient, name: str) -> None:
        self._client = client
        self._name = name

    def key_ring(self, *, allow_development: bool) -> KeyRing:
        """Return every enabled key under its version number.

        Raises
        ------
        PermanentError
            ``study-key-secret-unusable``: no enabled version, or an unusable one.
        """
        options = {"retry": RETRY, "timeout": TIMEOUT_SECONDS}
        payloads: dict[int, bytes] = {}
        missing = (exceptions.NotFound,)
        with (
            suppress(*missing),
            translated("secretmanager.versions.access", _SUBJECT, expected=missing),
        ):
            versions = self._client.list_secret_versions(parent=self._name, **options)
            payloads = {
                int(version.name.rpartition("/")[2]): self._client.access_secret_version(
                    name=version.name, **options
                ).payload.data
                for version in versions
                if version.state == secretmanager.SecretVersion.State.ENABLED
            }
        if not payloads:
            raise problem("study-key-secret-unusable", "the secret has no enabled version.")
        return KeyRing(
            {
                number: decode_key(payload, allow_development=allow_development)
                for number, payload in payloads.items()
            }
        )

    def create(self, payload: bytes) -> bool:
        """Create the secret with a first version; return whether there was none before."""
        project, _, secret_id = self._name.partition("/secrets/")
        options = {"retry": RETRY, "timeout": TIMEOUT_SECONDS}
        with translated("secretmanager.secrets.create", _SUBJECT):
            with suppress(exceptions.Conflict):
                self._client.create_secret(
                    parent=project,
                    secret_id=secret_id,
                    secret={"replication": {"automatic": {}}},
                    **options,
                )
            versions = list(self._client.list_secret_versions(parent=self._name, **options))
            if versions:
                return False
            self._client.add_secret_version(parent=self._name, payload={"data": payload}, **options)
        return True
