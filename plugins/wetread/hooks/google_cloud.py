"""Credentials and endpoints from an Airflow connection; everything Google-specific starts here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "aiplatform": "https://{location}-aiplatform.googleapis.com",
        "healthcare": "https://healthcare.googleapis.com",
        "pubsub": "https://pubsub.googleapis.com",
        "secretmanager": "https://secretmanager.googleapis.com",
        "storage": "https://storage.googleapis.com",
        "vision": "https://vision.googleapis.com",
    }
)
"""Google's own endpoints, used where the connection names no other; some have one by location."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class GoogleCloudHook(GoogleBaseHook):
    """The Google connection, with one more extra: ``endpoints``, a URL by service.

    An endpoint points a client elsewhere - a regional endpoint, Private Service Connect or the
    local cloud - without changing a line of code. ``impersonation_chain`` comes from the connection
    as for every Google hook.
    """

    def endpoint(self, service: str, location: str = "") -> str:
        """Return the base URL of a service, without a trailing slash.

        Where a service has a host by location, ``{location}`` in its URL is replaced, also in one
        that the connection names.
        """
        endpoints = self._get_field("endpoints") or {}
        url = str(endpoints.get(service, ENDPOINTS[service])).rstrip("/")
        return url.replace("{location}", location)

    @property
    def is_local(self) -> bool:
        """Whether every endpoint is on this machine; only then may a development key be used."""
        return all(urlsplit(self.endpoint(name)).hostname in _LOOPBACK for name in ENDPOINTS)

    def session(self) -> Any:
        """Return a thread-safe ``requests`` session that adds and refreshes the credentials."""
        from google.auth.transport.requests import AuthorizedSession
        from requests.adapters import HTTPAdapter

        session = AuthorizedSession(self.get_credentials())
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=32)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    def rest_options(self, service: str) -> dict[str, Any]:
        """Return what a GAPIC client needs to speak REST with the service's endpoint."""
        return {
            "credentials": self.get_credentials(),
            "transport": "rest",
            "client_options": {"api_endpoint": self.endpoint(service)},
        }
