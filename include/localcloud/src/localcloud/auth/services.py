"""The two Google services about identity that are served: impersonation and project policies."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from localcloud.auth.accounts import Accounts, Policy
from localcloud.auth.caller import current
from localcloud.auth.tokens import LIFETIME_SECONDS, TokenMint
from localcloud.contract.discovery import Contract
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService, serves

_LIFETIME = re.compile(r"(\d+)s")


class IamCredentialsService(HttpService):
    """IAM Service Account Credentials API: a token of another account.

    Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
    """

    name: ClassVar[str] = "iamcredentials"

    def __init__(self, accounts: Accounts, mint: TokenMint) -> None:
        super().__init__(Contract("iamcredentials", "v1"))
        self._accounts = accounts
        self._mint = mint

    @serves("iamcredentials.projects.serviceAccounts.generateAccessToken")
    def generate_access_token(self, call: Call) -> Reply:
        """Mint a token for the account in the path, for at most an hour."""
        body = call.json()
        if not body.get("scope"):
            raise invalid_argument("Request contains an invalid argument: scope is required.")
        match = _LIFETIME.fullmatch(body.get("lifetime") or f"{LIFETIME_SECONDS}s")
        seconds = int(match[1]) if match else 0
        if not 0 < seconds <= LIFETIME_SECONDS:
            raise invalid_argument(f"lifetime must be 1s to {LIFETIME_SECONDS}s.")
        account = self._accounts.get(call.params["name"].split("/")[-1])
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        return Reply.json(
            {
                "accessToken": self._mint.mint(account.email, seconds),
                "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )


class ProjectsService(HttpService):
    """Cloud Resource Manager API: who has which role on a project.

    Source: https://cloud.google.com/resource-manager/reference/rest/v1/projects
    """

    name: ClassVar[str] = "cloudresourcemanager"

    def __init__(self, accounts: Accounts) -> None:
        super().__init__(Contract("cloudresourcemanager", "v1"))
        self._accounts = accounts

    @serves("cloudresourcemanager.projects.getIamPolicy")
    def get_policy(self, call: Call) -> Reply:
        return Reply.json(_shown(self._accounts.project_policy(call.params["resource"])))

    @serves("cloudresourcemanager.projects.setIamPolicy")
    def set_policy(self, call: Call) -> Reply:
        """Replace a project's policy; a stale etag answers 409."""
        policy: Policy = dict(call.json().get("policy") or {})
        etag = policy.pop("etag", None)
        bindings = [
            {**binding, "members": binding.get("members") or []}
            for binding in policy.get("bindings") or []
        ]
        self._accounts.check_roles(binding.get("role", "") for binding in bindings)

        def replaced(known: Policy) -> Policy:
            if etag and etag != _etag(known):
                raise GoogleError(
                    409,
                    "ABORTED",
                    "There were concurrent policy changes. Please retry the whole "
                    "read-modify-write with exponential backoff.",
                )
            return {"version": 1, **policy, "bindings": bindings}

        return Reply.json(
            _shown(self._accounts.change_project_policy(call.params["resource"], replaced))
        )

    @serves("cloudresourcemanager.projects.testIamPermissions")
    def test_permissions(self, call: Call) -> Reply:
        asked = call.json().get("permissions", [])
        held = current().permitted(asked, f"projects/{call.params['resource']}")
        return Reply.json({"permissions": held} if held else {})


def _shown(policy: Policy) -> Policy:
    return {**policy, "etag": _etag(policy)}


def _etag(policy: Policy) -> str:
    digest = hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).digest()[:8]
    return base64.b64encode(digest).decode()
