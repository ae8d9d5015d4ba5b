"""What the tests of Secret Manager share: the official client over REST, and its short ways."""

from __future__ import annotations

import uuid
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager
from tests.contract.conftest import PROJECT, RunningCloud

DOCS = "https://cloud.google.com/secret-manager/docs"
REFERENCE = f"{DOCS}/reference/rest/v1/projects.secrets"
PARENT = f"projects/{PROJECT}"
AUTOMATIC: dict[str, Any] = {"replication": {"automatic": {}}}
State = secretmanager.SecretVersion.State
Client = secretmanager.SecretManagerServiceClient


def client_of(cloud: RunningCloud) -> Client:
    return Client(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": cloud.secretmanager},
    )


def new_secret(client: Client, **fields: Any) -> str:
    """Create a secret and return its name."""
    secret_id = f"secret-{uuid.uuid4().hex[:8]}"
    secret = {**AUTOMATIC, **fields}
    return client.create_secret(parent=PARENT, secret_id=secret_id, secret=secret).name


def add(client: Client, secret: str, data: bytes) -> str:
    return client.add_secret_version(parent=secret, payload={"data": data}).name


def update(client: Client, secret: str, *paths: str, **fields: Any) -> Any:
    changed = {"name": secret, **fields}
    return client.update_secret(secret=changed, update_mask={"paths": list(paths)})
