"""Key files: what they sign, what that buys, and lending an account to another."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
from google.api_core.client_options import ClientOptions
from google.auth import crypt, impersonated_credentials, jwt
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import secretmanager, storage
from tests.contract.auth.clients import (
    PROJECT,
    SCOPES,
    TIMEOUT_SECONDS,
    GuardedCloud,
    unique,
)
from tests.contract.auth.conftest import Place

OAUTH = "https://developers.google.com/identity/protocols/oauth2/service-account"


@pytest.mark.rule("localcloud.auth.key-file", OAUTH)
def test_the_key_file_signs_in_googles_own_clients(guarded: GuardedCloud, place: Place) -> None:
    account = guarded.account("roles/storage.objectViewer", "roles/healthcare.datasetViewer")
    blob = account.storage().bucket(place.bucket).blob("there.txt")
    assert blob.download_as_bytes() == b"there"
    datasets = account.api("healthcare").projects().locations().datasets()
    assert datasets.get(name=place.dataset).execute()["name"] == place.dataset
    answer = account.session().get(f"{guarded.cloud.healthcare}/v1/{place.dataset}")
    assert answer.json()["name"] == place.dataset


@pytest.mark.rule("localcloud.auth.self-signed-jwt", f"{OAUTH}#jwt-auth")
def test_a_jwt_signed_by_the_account_itself_is_a_token(guarded: GuardedCloud) -> None:
    account = guarded.account("roles/secretmanager.admin")
    client = secretmanager.SecretManagerServiceClient(
        credentials=account.credentials(),
        transport="rest",
        client_options=ClientOptions(api_endpoint=guarded.cloud.secretmanager),
    )
    parent = f"projects/{PROJECT}"
    secret = {"replication": {"automatic": {}}}
    name = unique("secret")
    made = client.create_secret(parent=parent, secret_id=name, secret=secret)
    assert made.name.endswith(name)


@pytest.mark.rule("localcloud.auth.jwt-signature", OAUTH)
def test_a_key_that_was_replaced_signs_nothing_any_more(guarded: GuardedCloud) -> None:
    account = guarded.account()
    old = account.credentials()
    guarded.admin("POST", f"accounts/{account.email}/key")
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        _refresh(old)
    _refresh(account.credentials())


def _refresh(credentials: Any) -> None:
    session = AuthorizedSession(credentials)
    credentials.refresh(session._auth_request)


def _assertion(account: Any, **changes: Any) -> str:
    now = int(time.time())
    key = json.loads(account.key_file.read_text())
    claims = {
        "iss": account.email,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": now,
        "exp": now + 3600,
        "scope": SCOPES[0],
        **changes,
    }
    return jwt.encode(crypt.RSASigner.from_service_account_info(key), claims).decode()


def _exchange(guarded: GuardedCloud, assertion: str, grant: str = "jwt-bearer") -> Any:
    form = {"grant_type": f"urn:ietf:params:oauth:grant-type:{grant}", "assertion": assertion}
    url = f"{guarded.cloud.storage}/token"
    answer = requests.post(url, data=form, timeout=TIMEOUT_SECONDS)
    assert (answer.status_code == 200) == ("access_token" in answer.json())
    return answer.json()


@pytest.mark.rule("localcloud.auth.jwt-grant", f"{OAUTH}#httprest")
def test_an_assertion_buys_a_token_for_an_hour(guarded: GuardedCloud) -> None:
    bought = _exchange(guarded, _assertion(guarded.account()))
    assert bought["token_type"] == "Bearer"
    assert 3500 < bought["expires_in"] <= 3600


@pytest.mark.rule("localcloud.auth.jwt-claims", f"{OAUTH}#error-codes")
def test_an_assertion_must_be_fresh_short_lived_and_meant_for_the_endpoint(
    guarded: GuardedCloud,
) -> None:
    account = guarded.account()
    now = int(time.time())
    for changes, words in (
        ({"iat": now - 7200, "exp": now - 3600}, "short-lived"),
        ({"exp": now + 7200}, "short-lived"),
        ({"aud": "https://example.org/token"}, "audience"),
        ({"iss": f"nobody@{PROJECT}.iam.gserviceaccount.com"}, "account not found"),
    ):
        answer = _exchange(guarded, _assertion(account, **changes))
        assert answer["error"] == "invalid_grant"
        assert words in answer["error_description"]


@pytest.mark.rule("localcloud.auth.grant-type", "https://datatracker.ietf.org/doc/html/rfc7523")
def test_only_the_jwt_grant_is_served(guarded: GuardedCloud) -> None:
    assert _exchange(guarded, "", "device_code")["error"] == "unsupported_grant_type"
    assert _exchange(guarded, "not a JWT")["error"] == "invalid_grant"


@pytest.mark.rule(
    "localcloud.auth.impersonation",
    "https://docs.cloud.google.com/iam/docs/service-account-impersonation",
)
def test_an_account_may_lend_itself_to_another(guarded: GuardedCloud, place: Place) -> None:
    target = guarded.account("roles/storage.objectViewer")

    def impersonate(source: Any) -> storage.Client:
        endpoint = f"{guarded.cloud.storage}/v1/projects/-/serviceAccounts/{target.email}"
        credentials = impersonated_credentials.Credentials(
            source_credentials=source.credentials(),
            target_principal=target.email,
            target_scopes=SCOPES,
            iam_endpoint_override=f"{endpoint}:generateAccessToken",
        )
        return storage.Client(
            project=PROJECT,
            credentials=credentials,
            client_options={"api_endpoint": guarded.cloud.storage},
        )

    trusted = impersonate(guarded.account("roles/iam.serviceAccountTokenCreator"))
    assert trusted.bucket(place.bucket).blob("there.txt").download_as_bytes() == b"there"
    with pytest.raises(RefreshError, match=r"iam\.serviceAccounts\.getAccessToken"):
        impersonate(guarded.account()).bucket(place.bucket).blob("there.txt").exists()
