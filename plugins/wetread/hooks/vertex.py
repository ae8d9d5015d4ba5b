"""Vertex AI on the connection's endpoint, and a token that lets a model read what it is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from wetread.gcp.retries import translated
from wetread.gcp.vertex import VertexClient
from wetread.hooks.google_cloud import GoogleCloudHook

_READ_SCOPES = (
    "https://www.googleapis.com/auth/cloud-healthcare",
    "https://www.googleapis.com/auth/devstorage.read_only",
)
"""A model that is sent an address reads images with the token, and needs nothing else."""

_MINIMAL_LIFE = timedelta(minutes=10)
"""A token that ends sooner is replaced, so that it outlives a request that uses it."""


class AccessToken:
    """A short-lived access token, made anew when it is about to end; call it to get the text.

    Pass the callable on rather than the text, which belongs into the request that needs it and
    nowhere else.
    """

    def __init__(self, credentials: Any, new_request: Callable[[], Any]) -> None:
        self._credentials = credentials
        self._new_request = new_request
        self._lock = threading.Lock()

    def __call__(self) -> str | None:
        """Return the token; None where the connection is anonymous, as in the local cloud.

        Raises
        ------
        PermanentError
            ``request-rejected``: the credentials are not good for a token.
        RetriableError
            ``service-unavailable``.
        """
        if self._credentials is None:
            return None
        with self._lock, translated("oauth2.token", "the models' access token"):
            if self._ends_soon():
                self._credentials.refresh(self._new_request())
            return str(self._credentials.token)

    def _ends_soon(self) -> bool:
        expiry = self._credentials.expiry
        if not self._credentials.token:
            return True
        # google.auth keeps the time of expiry in UTC without saying so.
        return expiry is not None and expiry.replace(tzinfo=UTC) - datetime.now(UTC) < _MINIMAL_LIFE


class VertexHook(GoogleCloudHook):
    """The client of a location's endpoints, and the token that goes along with an address."""

    def client(self, location: str) -> VertexClient:
        return VertexClient(
            self.session(),
            self.endpoint("aiplatform", location),
            f"projects/{self.project_id}/locations/{location}",
        )

    def access_token(self) -> AccessToken:
        """Return what makes tokens for models: of the connection's account, for reading only.

        Credentials that cannot be narrowed, such as a user's own, are used as they are.
        """
        from google.auth.credentials import AnonymousCredentials, Scoped
        from google.auth.transport.requests import Request

        credentials = self.get_credentials()
        if isinstance(credentials, AnonymousCredentials):
            return AccessToken(None, Request)
        if isinstance(credentials, Scoped):
            credentials = credentials.with_scopes(_READ_SCOPES)
        return AccessToken(credentials, Request)
