"""Secret Manager through the official client over REST."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import google_crc32c
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager
from tests.contract.conftest import PROJECT, RunningCloud

DOCS = "https://cloud.google.com/secret-manager/docs"
PARENT = f"projects/{PROJECT}"
State = secretmanager.SecretVersion.State


@pytest.fixture(scope="module")
def client(cloud: RunningCloud) -> Iterator[secretmanager.SecretManagerServiceClient]:
    with secretmanager.SecretManagerServiceClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": cloud.secretmanager},
    ) as opened:
        yield opened


@pytest.fixture
def secret(client: secretmanager.SecretManagerServiceClient) -> str:
    """A new secret's name."""
    created = client.create_secret(
        parent=PARENT,
        secret_id=f"secret-{uuid.uuid4().hex[:8]}",
        secret={"replication": {"automatic": {}}, "labels": {"use": "study-key"}},
    )
    return created.name


def _add(client: secretmanager.SecretManagerServiceClient, secret: str, data: bytes) -> str:
    return client.add_secret_version(parent=secret, payload={"data": data}).name


@pytest.mark.rule("secretmanager.access", f"{DOCS}/access-secret-version")
def test_latest_is_the_newest_version_and_numbers_stay(
    client: secretmanager.SecretManagerServiceClient, secret: str
) -> None:
    first = _add(client, secret, b"\x00one\xff")
    second = _add(client, secret, b"two")
    assert (first, second) == (f"{secret}/versions/1", f"{secret}/versions/2")
    latest = client.access_secret_version(name=f"{secret}/versions/latest")
    assert (latest.name, latest.payload.data) == (second, b"two")
    assert latest.payload.data_crc32c == google_crc32c.value(b"two")
    assert client.access_secret_version(name=first).payload.data == b"\x00one\xff"


@pytest.mark.rule("secretmanager.states", f"{DOCS}/disable-secret-version")
def test_a_version_is_disabled_enabled_and_destroyed(
    client: secretmanager.SecretManagerServiceClient, secret: str
) -> None:
    name = _add(client, secret, b"value")
    assert client.disable_secret_version(name=name).state == State.DISABLED
    with pytest.raises(exceptions.BadRequest, match="DISABLED"):
        client.access_secret_version(name=f"{secret}/versions/latest")
    assert client.enable_secret_version(name=name).state == State.ENABLED
    assert client.access_secret_version(name=name).payload.data == b"value"
    destroyed = client.destroy_secret_version(name=name)
    assert destroyed.state == State.DESTROYED
    assert destroyed.destroy_time is not None
    for refused in (client.access_secret_version, client.enable_secret_version):
        with pytest.raises(exceptions.BadRequest, match="DESTROYED"):
            refused(name=name)


@pytest.mark.rule("secretmanager.list", f"{DOCS}/list-secret-versions")
def test_secrets_and_versions_are_listed_in_pages(
    client: secretmanager.SecretManagerServiceClient, secret: str
) -> None:
    names = [_add(client, secret, bytes([number])) for number in range(1, 6)]
    listed = client.list_secret_versions(request={"parent": secret, "page_size": 2})
    assert [version.name for version in listed] == names[::-1]
    found = {item.name: item for item in client.list_secrets(request={"parent": PARENT})}
    assert dict(found[secret].labels) == {"use": "study-key"}
    assert client.get_secret(name=secret).replication.automatic is not None


@pytest.mark.rule("secretmanager.update", f"{DOCS}/edit-secrets")
def test_labels_are_updated_by_mask_and_a_secret_is_deleted(
    client: secretmanager.SecretManagerServiceClient, secret: str
) -> None:
    changed = client.update_secret(
        secret={"name": secret, "labels": {"use": "other"}}, update_mask={"paths": ["labels"]}
    )
    assert dict(changed.labels) == {"use": "other"}
    _add(client, secret, b"x")
    client.delete_secret(name=secret)
    for read in (client.get_secret, client.delete_secret):
        with pytest.raises(exceptions.NotFound):
            read(name=secret)
    with pytest.raises(exceptions.NotFound):
        client.access_secret_version(name=f"{secret}/versions/1")


@pytest.mark.rule("secretmanager.errors", f"{DOCS}/reference/rest")
def test_wrong_requests_are_refused_with_a_reason(
    cloud: RunningCloud, client: secretmanager.SecretManagerServiceClient, secret: str
) -> None:
    replication = {"replication": {"automatic": {}}}
    with pytest.raises(exceptions.Conflict):
        client.create_secret(parent=PARENT, secret_id=secret.rpartition("/")[2], secret=replication)
    with pytest.raises(exceptions.BadRequest, match="Secret ID"):
        client.create_secret(parent=PARENT, secret_id="a b", secret=replication)
    with pytest.raises(exceptions.BadRequest, match="checksum"):
        client.add_secret_version(parent=secret, payload={"data": b"x", "data_crc32c": 1})
    with pytest.raises(exceptions.BadRequest, match="65536"):
        _add(client, secret, b"x" * 65537)
    with pytest.raises(exceptions.NotFound):
        client.access_secret_version(name=f"{secret}/versions/latest")
    answer = requests.post(
        f"{cloud.secretmanager}/v1/{secret}:addVersion", json={"paylod": {}}, timeout=10
    )
    assert (answer.status_code, "paylod" in answer.text) == (400, True)
