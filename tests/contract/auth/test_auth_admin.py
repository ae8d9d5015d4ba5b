"""The admin door, the file of --iam, restarts, and the completeness of the permission table."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.contract.auth.clients import PROJECT, TIMEOUT_SECONDS, Account, GuardedCloud, unique
from tests.contract.auth.conftest import Place
from tests.contract.conftest import localcloud_command

ACCOUNTS = "include/localcloud/docs/auth.md"


@pytest.mark.rule("localcloud.auth.admin-door", ACCOUNTS)
def test_the_admin_door_needs_the_admin_token_and_health_does_not(guarded: GuardedCloud) -> None:
    base = f"{guarded.cloud.storage}/_localcloud"
    assert requests.get(f"{base}/health", timeout=TIMEOUT_SECONDS).ok
    token = guarded.account("roles/owner").token()
    for verb, path in (
        ("GET", ""),
        ("GET", "/faults"),
        ("POST", "/faults"),
        ("GET", "/accounts"),
        ("POST", "/accounts"),
        ("PATCH", "/behaviour"),
        ("GET", "/health/.."),
    ):
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            answer = requests.request(
                verb, f"{base}{path}", headers=headers, json={}, timeout=TIMEOUT_SECONDS
            )
            assert answer.status_code == 401, path
    assert guarded.admin("GET", "faults") == []


@pytest.mark.rule("localcloud.auth.accounts", ACCOUNTS)
def test_accounts_are_made_changed_and_removed_while_the_cloud_runs(
    guarded: GuardedCloud, place: Place
) -> None:
    account = guarded.account()
    token = account.token()
    url = f"{guarded.cloud.storage}/storage/v1/b/{place.bucket}/o"

    def status() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS).status_code

    assert status() == 403
    body = {"email": account.email, "roles": ["roles/storage.objectViewer"]}
    guarded.admin("POST", "accounts", body)
    assert guarded.admin("GET", f"accounts/{account.email}")["roles"] == body["roles"]
    assert status() == 200
    guarded.admin("DELETE", f"accounts/{account.email}")
    assert status() == 401
    assert not account.key_file.exists()


@pytest.mark.rule("localcloud.auth.account-errors", ACCOUNTS)
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"email": "someone@example.org"}, "iam.gserviceaccount.com"),
        ({"email": f"../x@{PROJECT}.iam.gserviceaccount.com"}, "not a service account"),
        ({"email": f"a@{PROJECT}.iam.gserviceaccount.com", "roles": ["roles/none"]}, "roles/none"),
        ({"email": f"a@{PROJECT}.iam.gserviceaccount.com", "role": "x"}, "Unknown field"),
        ([], "object"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    guarded: GuardedCloud, body: object, words: str
) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        guarded.admin("POST", "accounts", body)
    assert caught.value.response.status_code == 400
    assert words in caught.value.response.json()["error"]["message"]


@pytest.mark.rule("localcloud.auth.permission-table", ACCOUNTS)
def test_every_served_method_has_its_permissions(guarded: GuardedCloud) -> None:
    table = guarded.admin("GET", "permissions")
    served = {
        method["id"]
        for api in guarded.admin("GET", "").values()
        for method in api["methods"]
        if method["served"]
    }
    assert sorted(served - table.keys()) == []
    granted = {
        permission
        for permissions in guarded.admin("GET", "roles").values()
        for permission in permissions
    }
    needed = {permission for permissions in table.values() for permission in permissions} - {
        f"pubsub.{{collection}}.{verb}IamPolicy" for verb in ("get", "set")
    }
    assert sorted(needed - granted) == []


@pytest.mark.rule("localcloud.auth.iam-file", ACCOUNTS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[accounts]]\nemail = "a@example.org"', "accounts[0].email"),
        (
            '[[accounts]]\nemail = "a@p.iam.gserviceaccount.com"\nroles = ["roles/none"]',
            "roles/none",
        ),
        ('[roles."projects/p/roles/abc"]\npermissions = ["storage.none"]', "storage.none"),
        ('[[bindings]]\nproject = "p"\nrole = "roles/viewer"', "bindings[0].members"),
    ],
)
def test_a_wrong_file_is_refused_at_start_with_its_field(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "iam.toml"
    path.write_text(text)
    command = [localcloud_command(), "--data", str(tmp_path / "data"), f"--iam={path}"]
    ports = [
        f"--{name}-port=0" for name in ("storage", "pubsub", "vision", "secretmanager", "vertex")
    ]
    ended = subprocess.run(
        [*command, *ports], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert words in ended.stderr


@pytest.mark.rule("localcloud.auth.restart", ACCOUNTS)
def test_accounts_tokens_and_policies_outlive_a_killed_cloud(
    start_cloud: Any, tmp_path: Path
) -> None:
    iam = tmp_path / "iam.json"
    email = f"kept@{PROJECT}.iam.gserviceaccount.com"
    role = f"projects/{PROJECT}/roles/lister"
    iam.write_text(
        json.dumps(
            {
                "accounts": [{"email": email, "roles": [role]}],
                "roles": {role: {"permissions": ["storage.buckets.list"]}},
            }
        )
    )
    url = f"storage/v1/b?project={PROJECT}"
    with start_cloud(tmp_path / "data", "--require-token", f"--iam={iam}") as cloud:
        made = GuardedCloud(cloud).account("roles/storage.admin")
        token = made.token()
        assert Account(cloud, email).session().get(f"{cloud.storage}/{url}").ok
        cloud.process.kill()
        cloud.process.wait()
    with start_cloud(tmp_path / "data", "--require-token") as cloud:
        headers = {"Authorization": f"Bearer {token}"}
        again = f"{cloud.storage}/{url}"
        assert requests.get(again, headers=headers, timeout=TIMEOUT_SECONDS).ok
        assert Account(cloud, email).session().get(again).ok
        assert Account(cloud, made.email).session().get(again).ok


@pytest.mark.rule("localcloud.auth.quiet", ACCOUNTS)
def test_neither_keys_nor_tokens_are_printed(tmp_path: Path) -> None:
    iam = tmp_path / "iam.toml"
    email = f"quiet@{PROJECT}.iam.gserviceaccount.com"
    iam.write_text(f'[[accounts]]\nemail = "{email}"\nroles = ["roles/viewer"]\n')
    data = tmp_path / "data"
    options = ["--data", str(data), "--require-token", f"--iam={iam}"]
    ports = [
        f"--{name}-port=0" for name in ("storage", "pubsub", "vision", "secretmanager", "vertex")
    ]
    process = subprocess.Popen(
        [localcloud_command(), *options, *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    base = json.loads(first)["storage"]
    key = json.loads((data / "auth" / "keys" / f"{email}.json").read_text())
    token = subprocess.run(
        [localcloud_command(), "token", email, "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.strip()
    for sent in (token, f"{token}x", key["private_key_id"]):
        requests.get(
            f"{base}/storage/v1/b", headers={"Authorization": f"Bearer {sent}"}, timeout=30
        )
    process.terminate()
    printed = first + process.communicate(timeout=30)[0]
    secrets = [token, (data / "auth" / "admin-token").read_text().strip()]
    secrets += re.findall(r"[A-Za-z0-9+/]{40,}", key["private_key"])
    assert [secret for secret in secrets if secret in printed] == []
    for path in [data / "auth", *(data / "auth").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.rule(
    "localcloud.auth.quota-project",
    "https://cloud.google.com/docs/quotas/set-quota-project#quota-project-permissions",
)
def test_another_project_pays_only_for_who_may_use_it(guarded: GuardedCloud, place: Place) -> None:
    url = f"{guarded.cloud.storage}/storage/v1/b/{place.bucket}/o"
    header = {"X-Goog-User-Project": PROJECT}
    session = guarded.account("roles/storage.objectViewer").session()
    assert session.get(url).ok
    assert session.get(url, headers=header).status_code == 403
    both = guarded.account("roles/storage.objectViewer", "roles/serviceusage.serviceUsageConsumer")
    assert both.session().get(url, headers=header).ok


@pytest.mark.rule(
    "storage.iam.missing-bucket", "https://cloud.google.com/storage/docs/json_api/v1/status-codes"
)
def test_only_who_could_read_it_learns_that_a_bucket_is_missing(guarded: GuardedCloud) -> None:
    url = f"{guarded.cloud.storage}/storage/v1/b/{unique('none')}/o"
    assert guarded.account("roles/storage.objectViewer").session().get(url).status_code == 404
    assert guarded.account().session().get(url).status_code == 403
