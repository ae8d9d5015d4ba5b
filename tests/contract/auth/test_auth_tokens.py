"""Tokens: missing, wrong, forged, expired, printed, and what stands in for one."""

from __future__ import annotations

import base64
import datetime
import json
import subprocess
import time
from typing import Any

import pytest
import requests
from google.api_core.exceptions import Unauthenticated
from google.auth import crypt, jwt
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from grpc import insecure_channel
from tests.contract.auth.clients import (
    PROJECT,
    TIMEOUT_SECONDS,
    Account,
    GuardedCloud,
    unique,
)
from tests.contract.auth.conftest import Place
from tests.contract.conftest import localcloud_command

ERRORS = "https://cloud.google.com/apis/design/errors#error_info"
STATUS_CODES = "https://cloud.google.com/storage/docs/json_api/v1/status-codes"
ACCOUNTS = "include/localcloud/docs/auth.md"
_EXPIRY_SECONDS = 20.0


def _get(url: str, token: str | None = None) -> requests.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}".encode("latin-1")}
    return requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS)


def _reason(answer: requests.Response) -> str:
    (detail,) = answer.json()["error"]["details"]
    assert detail["domain"] == "googleapis.com"
    return str(detail["reason"])


@pytest.mark.rule("localcloud.auth.anonymous", ACCOUNTS)
def test_without_require_token_a_token_is_neither_needed_nor_looked_at(cloud: Any) -> None:
    url = f"{cloud.storage}/storage/v1/b?project={PROJECT}"
    assert _get(url).ok
    assert _get(url, "anything").ok


@pytest.mark.rule("localcloud.auth.missing-token", ERRORS)
@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("healthcare", "v1/projects/hospital/locations/us/datasets"),
        ("secretmanager", "v1/projects/hospital/secrets"),
        ("vertex", "v1/projects/hospital/locations/us-central1/endpoints"),
    ],
)
def test_a_call_without_a_token_gets_401(guarded: GuardedCloud, service: str, path: str) -> None:
    answer = _get(f"{getattr(guarded.cloud, service)}/{path}")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="https://accounts.google.com/"'
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
    assert answer.json()["error"]["message"].startswith("Request is missing required")
    assert _reason(answer) == "CREDENTIALS_MISSING"


@pytest.mark.rule("storage.auth.anonymous-caller", STATUS_CODES)
def test_storage_names_what_an_anonymous_caller_lacks(guarded: GuardedCloud, place: Place) -> None:
    answer = _get(f"{guarded.cloud.storage}/storage/v1/b/{place.bucket}/o/there.txt")
    (error,) = answer.json()["error"]["errors"]
    assert (answer.status_code, error["reason"]) == (401, "required")
    assert error["location"] == "Authorization"
    assert error["message"].startswith(
        "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage"
    )


@pytest.mark.rule("localcloud.auth.unknown-token", ERRORS)
def test_a_token_that_nobody_issued_gets_401(guarded: GuardedCloud) -> None:
    url = f"{guarded.cloud.healthcare}/v1/projects/{PROJECT}/locations/us/datasets"
    for token in ("nonsense", "ya29.e30.c2VhbA", "ya29.", "a.b.c"):
        answer = _get(url, token)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert _reason(answer) == "ACCESS_TOKEN_TYPE_UNSUPPORTED"


@pytest.mark.rule("localcloud.auth.forged-token", "https://datatracker.ietf.org/doc/html/rfc8725")
def test_a_forged_token_opens_nothing(guarded: GuardedCloud, owner: Account) -> None:
    mallory = guarded.account()
    now = int(time.time())
    claims = {"iss": owner.email, "sub": owner.email, "iat": now, "exp": now + 60}
    key = json.loads(mallory.key_file.read_text())
    foreign = jwt.encode(crypt.RSASigner.from_service_account_info(key), claims).decode()
    payload = foreign.split(".")[1]
    public = crypt.RSASigner.from_service_account_info(json.loads(owner.key_file.read_text()))
    kid = {"kid": public.key_id}

    def unsigned(algorithm: str, signature: str) -> str:
        header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, **kid}).encode())
        return f"{header.decode().rstrip('=')}.{payload}.{signature}"

    minted = mallory.token()
    body = base64.urlsafe_b64encode(json.dumps({"email": owner.email, "exp": now + 60}).encode())
    forged = f"ya29.{body.decode().rstrip('=')}.{minted.rpartition('.')[2]}"
    url = f"{guarded.cloud.secretmanager}/v1/projects/{PROJECT}/secrets"
    for token in (
        foreign,
        unsigned("none", ""),
        unsigned("HS256", "c2lnbmF0dXJl"),
        unsigned("ES256", "c2lnbmF0dXJl"),
        forged,
        f"{minted}A",
        "x" * 20_000,
        "\xe9\xff",
    ):
        assert _get(url, token).status_code == 401
    for authorization in ("Bearer", "Bearer ", f"Basic {minted}", minted):
        answer = requests.get(url, headers={"Authorization": authorization}, timeout=30)
        assert answer.status_code == 401
    assert _get(url, owner.token()).ok


@pytest.mark.rule("storage.auth.invalid-credentials", STATUS_CODES)
def test_storage_calls_a_wrong_token_invalid_credentials(guarded: GuardedCloud) -> None:
    answer = _get(f"{guarded.cloud.storage}/storage/v1/b?project={PROJECT}", "nonsense")
    assert answer.status_code == 401
    (error,) = answer.json()["error"]["errors"]
    assert (error["reason"], error["message"]) == ("authError", "Invalid Credentials")


@pytest.mark.rule("localcloud.auth.expired-token", ERRORS)
def test_a_token_is_good_until_it_expires(guarded: GuardedCloud) -> None:
    account = guarded.account("roles/healthcare.datasetViewer")
    path = f"accounts/{account.email}/token"
    token = guarded.admin("POST", path, {"lifetime_seconds": 1})["access_token"]
    url = f"{guarded.cloud.healthcare}/v1/projects/{PROJECT}/locations/us-central1/datasets"
    end = time.monotonic() + _EXPIRY_SECONDS
    while (answer := _get(url, token)).ok and time.monotonic() < end:
        time.sleep(0.1)
    assert answer.status_code == 401
    assert _reason(answer) == "ACCESS_TOKEN_EXPIRED"


@pytest.mark.rule("pubsub.auth.unauthenticated", "https://grpc.io/docs/guides/auth/")
def test_grpc_without_a_token_is_unauthenticated(guarded: GuardedCloud) -> None:
    with insecure_channel(guarded.cloud.pubsub) as channel:
        client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        with pytest.raises(Unauthenticated) as caught:
            client.get_topic(topic=f"projects/{PROJECT}/topics/none")
    assert caught.value.reason == "CREDENTIALS_MISSING"


@pytest.mark.rule("localcloud.auth.token-command", ACCOUNTS)
def test_the_token_command_prints_a_token_for_curl(guarded: GuardedCloud, place: Place) -> None:
    account = guarded.account("roles/storage.objectViewer")

    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [localcloud_command(), "token", name, "--data", str(guarded.cloud.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    token = run(account.email).stdout.strip()
    assert _get(f"{guarded.cloud.storage}/storage/v1/b/{place.bucket}/o", token).ok
    unknown = run(f"nobody@{PROJECT}.iam.gserviceaccount.com")
    assert unknown.returncode == 2
    assert "does not exist" in unknown.stderr


@pytest.mark.rule(
    "storage.auth.session-uri",
    "https://cloud.google.com/storage/docs/resumable-uploads#session-uris",
)
def test_the_address_of_an_upload_session_is_its_own_credential(
    guarded: GuardedCloud, place: Place
) -> None:
    account = guarded.account("roles/storage.objectCreator")
    bucket = account.storage().bucket(place.bucket)
    session = bucket.blob(unique("upload")).create_resumable_upload_session(size=3)
    assert requests.put(session, data=b"abc", timeout=TIMEOUT_SECONDS).ok
    invented = f"{session.partition('upload_id=')[0]}name={unique('evil')}&upload_id=none"
    for upload_type in ("media", "resumable"):
        url = invented.replace("uploadType=resumable", f"uploadType={upload_type}")
        assert not requests.post(url, data=b"abc", timeout=TIMEOUT_SECONDS).ok
    with pytest.raises(Exception, match=r"storage\.objects\.delete"):
        bucket.blob("there.txt").create_resumable_upload_session(size=3)


@pytest.mark.rule(
    "storage.auth.signed-url",
    "https://cloud.google.com/storage/docs/authentication/signatures",
)
def test_a_signed_url_acts_for_who_signed_it(guarded: GuardedCloud, place: Place) -> None:
    def signed(*roles: str) -> str:
        client = guarded.account(*roles).storage()
        blob = client.bucket(place.bucket).blob("there.txt")
        return str(
            blob.generate_signed_url(
                version="v4",
                expiration=datetime.timedelta(minutes=5),
                api_access_endpoint=guarded.cloud.storage,
            )
        )

    url = signed("roles/storage.objectViewer")
    assert _get(url).content == b"there"
    assert _get(signed()).status_code == 403
    other = url.replace("there.txt", "other.txt")
    assert "SignatureDoesNotMatch" in _get(other).text
