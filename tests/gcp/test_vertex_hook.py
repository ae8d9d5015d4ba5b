"""The connection says where Vertex AI is, and its token reaches models and nothing else."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth import exceptions as auth_exceptions
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials
from tests.contract.model_server import ModelServer
from tests.gcp.vertex_installation import PARENT, SUBJECT, Installation

from wetread.core.errors import PermanentError, RetriableError
from wetread.gcp.vertex import VertexClient
from wetread.hooks.vertex import AccessToken, VertexHook

SECRET = "ya29.secret-token"


def connect(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> VertexHook:
    connection = {
        "conn_type": "google_cloud_platform",
        "extra": {"project": "wetread-local", "is_anonymous": True, **extra},
    }
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    return VertexHook()


@pytest.mark.parametrize(
    ("endpoints", "url"),
    [
        ({}, "https://europe-west4-aiplatform.googleapis.com"),
        ({"aiplatform": "http://127.0.0.1:8605/"}, "http://127.0.0.1:8605"),
        ({"aiplatform": "https://{location}.psc.example"}, "https://europe-west4.psc.example"),
    ],
)
def test_vertex_has_a_host_by_location(
    monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, str], url: str
) -> None:
    hook = connect(monkeypatch, endpoints=endpoints)
    assert hook.endpoint("aiplatform", "europe-west4") == url


def test_a_connection_is_local_only_when_its_vertex_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A development key must not make the study keys of pictures that leave the machine."""
    services = ("healthcare", "pubsub", "secretmanager", "storage", "vision")
    endpoints = dict.fromkeys(services, "http://127.0.0.1:1")
    assert not connect(monkeypatch, endpoints=endpoints).is_local
    endpoints["aiplatform"] = "http://127.0.0.1:1"
    assert connect(monkeypatch, endpoints=endpoints).is_local


def test_the_hooks_client_finds_endpoints(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = connect(monkeypatch, endpoints={"aiplatform": installation.cloud.vertex})
    display_name = installation.deployed()
    assert hook.client("us-central1").find_endpoint(display_name).deployed
    assert hook.access_token()() is None


class ShortLived(Credentials):
    """Credentials whose tokens are numbered and end after a time."""

    def __init__(self, life: timedelta, error: Exception | None = None) -> None:
        super().__init__(token=None)
        self.life, self.error, self.made = life, error, 0

    def refresh(self, request: object) -> None:
        if self.error:
            raise self.error
        self.made += 1
        self.token = f"{SECRET}-{self.made}"
        self.expiry = (datetime.now(UTC) + self.life).replace(tzinfo=None)


def token_of(life: timedelta, error: Exception | None = None) -> AccessToken:
    return AccessToken(ShortLived(life, error), object)


def test_a_token_is_kept_while_it_lives_and_made_anew_before_it_ends() -> None:
    fresh, ending = token_of(timedelta(hours=1)), token_of(timedelta(minutes=5))
    assert [fresh(), fresh()] == [f"{SECRET}-1", f"{SECRET}-1"]
    assert [ending(), ending()] == [f"{SECRET}-1", f"{SECRET}-2"]
    assert SECRET not in repr(fresh) + str(vars(fresh))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (auth_exceptions.RefreshError(SECRET), PermanentError),
        (auth_exceptions.TransportError(SECRET), RetriableError),
    ],
)
def test_credentials_that_give_no_token_are_an_error_without_it(
    error: Exception, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as raised:
        token_of(timedelta(hours=1), error)()
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.fixture(scope="module")
def key_pem() -> str:
    """A service account's private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_models_token_is_asked_for_reading_only(
    monkeypatch: pytest.MonkeyPatch, server: ModelServer, key_pem: str
) -> None:
    """The token goes to a container that somebody else made."""
    server.says(200, {"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"})
    account = {
        "type": "service_account",
        "client_email": "pipeline@wetread-local.iam.gserviceaccount.com",
        "private_key": key_pem,
        "token_uri": f"{server.url}/token",
    }
    hook = connect(monkeypatch, is_anonymous=False, keyfile_dict=json.dumps(account))
    token = hook.access_token()
    assert [token(), token()] == [SECRET, SECRET]
    (request,) = server.predictions()
    (assertion,) = parse_qs(request.body.decode())["assertion"]
    claims = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
    assert claims["scope"].split() == [
        "https://www.googleapis.com/auth/cloud-healthcare",
        "https://www.googleapis.com/auth/devstorage.read_only",
    ]


def test_no_log_names_the_token_or_what_was_sent(
    installation: Installation, server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    """As a worker with DEBUG logging would see it, with good answers and with bad ones."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("google").propagate = True
    session = AuthorizedSession(Credentials(token=SECRET))
    client = VertexClient(session, installation.cloud.vertex, PARENT)
    endpoint = client.find_endpoint(installation.deployed())
    instance = {"dicomweb_uri": "https://store/studies/2.25.99", "bearer_token": SECRET}
    for status in (200, 400, 500):
        server.says(status, {"predictions": [{"error": {"description": SECRET}}]})
        try:
            client.predict(endpoint, [instance], timeout_seconds=5, subject=SUBJECT)
        except (PermanentError, RetriableError) as error:
            logging.getLogger("airflow.task").exception("failed", exc_info=error)
    assert caplog.records
    assert SECRET not in caplog.text
    assert "2.25.99" not in caplog.text
