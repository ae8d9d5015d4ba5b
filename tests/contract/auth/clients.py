"""A local cloud that requires tokens, its accounts, and Google's clients signed in as them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import requests
from google.api_core.client_options import ClientOptions
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import storage
from google.oauth2 import service_account
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from googleapiclient.discovery import build

PROJECT = "hospital"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
TIMEOUT_SECONDS = 30


def unique(prefix: str) -> str:
    """Return a name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class TokenInterceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds a token to every call: gRPC drops call credentials on a channel without TLS."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def _signed(self, details: Any) -> Any:
        authorization = ("authorization", f"Bearer {self._token()}")
        return details._replace(metadata=[*(details.metadata or ()), authorization])

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Send one request with the token."""
        return continuation(self._signed(details), request)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        """Open a stream with the token."""
        return continuation(self._signed(details), requests)


@dataclass(frozen=True)
class Account:
    """A service account and Google's clients for it."""

    cloud: Any
    email: str

    @property
    def member(self) -> str:
        """The account as policies name it."""
        return f"serviceAccount:{self.email}"

    @property
    def key_file(self) -> Path:
        """The key file that the cloud wrote."""
        return Path(self.cloud.data) / "auth" / "keys" / f"{self.email}.json"

    def credentials(self) -> service_account.Credentials:
        """Credentials of the key file, as a program would make them."""
        return service_account.Credentials.from_service_account_file(
            str(self.key_file), scopes=SCOPES
        )

    def session(self) -> AuthorizedSession:
        """Return a session that signs every request."""
        return AuthorizedSession(self.credentials())

    def token(self) -> str:
        """Return an access token bought with the key file."""
        credentials = self.credentials()
        credentials.refresh(Request())
        return str(credentials.token)

    def storage(self) -> storage.Client:
        """Return the official Cloud Storage client."""
        return storage.Client(
            project=PROJECT,
            credentials=self.credentials(),
            client_options={"api_endpoint": self.cloud.storage},
        )

    def api(self, name: str, version: str = "v1") -> Any:
        """Return googleapiclient's client of an API on the storage port."""
        return build(
            name,
            version,
            credentials=self.credentials(),
            client_options=ClientOptions(api_endpoint=self.cloud.healthcare),
            static_discovery=True,
            cache_discovery=False,
        )

    def publisher(self) -> PublisherClient:
        """Return the official Pub/Sub publisher client."""
        return PublisherClient(transport=PublisherGrpcTransport(channel=self._channel()))

    def subscriber(self) -> SubscriberClient:
        """Return the official Pub/Sub subscriber client."""
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=self._channel()))

    def _channel(self) -> grpc.Channel:
        token = self.token()
        channel = grpc.insecure_channel(self.cloud.pubsub)
        return grpc.intercept_channel(channel, TokenInterceptor(lambda: token))


@dataclass(frozen=True)
class GuardedCloud:
    """A local cloud with ``--require-token``, and the doors of its owner."""

    cloud: Any

    def admin(self, verb: str, path: str, body: object = None) -> Any:
        """Call ``/_localcloud/<path>`` with the admin token and return the decoded answer."""
        token = (Path(self.cloud.data) / "auth" / "admin-token").read_text().strip()
        answer = requests.request(
            verb,
            f"{self.cloud.storage}/_localcloud/{path}",
            data=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return answer.json()

    def account(self, *roles: str, project: str = PROJECT) -> Account:
        """Create an account with roles on its project."""
        email = f"{unique('sa')}@{project}.iam.gserviceaccount.com"
        self.admin("POST", "accounts", {"email": email, "roles": list(roles)})
        return Account(self.cloud, email)

    def agent(self, service: str) -> str:
        """Return the member name of a service agent of the project."""
        agents = self.admin("GET", "accounts")["service_agents"][PROJECT]
        return f"serviceAccount:{agents[service]}"


def refusal(answer: requests.Response) -> tuple[str, str]:
    """Return the permission and the resource that a 403 names."""
    (detail,) = answer.json()["error"]["details"]
    return detail["metadata"]["permission"], detail["metadata"]["resource"]
