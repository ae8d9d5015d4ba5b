"""``/_localcloud/accounts``: accounts, roles and tokens while the cloud runs."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localcloud.auth.accounts import Account
from localcloud.auth.agents import healthcare_agent, storage_agent
from localcloud.auth.keys import write_private
from localcloud.auth.registry import Registry
from localcloud.auth.roles import predefined
from localcloud.auth.tables import TABLE
from localcloud.auth.tokens import LIFETIME_SECONDS, TokenMint
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply

ACCOUNTS_PATH = "/_localcloud/accounts"
ROLES_PATH = "/_localcloud/roles"
PERMISSIONS_PATH = "/_localcloud/permissions"
_MAX_LIFETIME_SECONDS = 12 * 3600
_HEALTH_PATH = "/_localcloud/health"
ADMIN_TOKEN_FILE = "admin-token"  # noqa: S105 - a file name


class AdminLock:
    """Keeps ``/_localcloud`` for the owner of the data folder while tokens are required.

    The token lies in a file there that only its owner can read; it is printed nowhere. Health
    stays open, for whoever waits until the server is up.
    """

    def __init__(self, folder: Path, *, required: bool) -> None:
        self._token = ""
        if required:
            path = folder / ADMIN_TOKEN_FILE
            if not path.exists():
                write_private(path, secrets.token_urlsafe(32) + "\n")
            self._token = path.read_text().strip()

    def check(self, call: Call) -> None:
        """Do nothing when a request may use the admin door.

        Raises
        ------
        GoogleError
            401 without the admin token.
        """
        if not self._token or call.path.rstrip("/") == _HEALTH_PATH:
            return
        sent = call.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(sent.encode(), self._token.encode()):
            raise GoogleError.of(
                401,
                "/_localcloud needs the admin token while tokens are required: send Authorization: "
                f"Bearer with the content of auth/{ADMIN_TOKEN_FILE} in the data folder.",
            )


class AccountDoor:
    """Answers the admin requests about accounts, roles and permissions."""

    def __init__(self, registry: Registry, mint: TokenMint, lock: AdminLock) -> None:
        self._registry = registry
        self._accounts = registry.accounts
        self._mint = mint
        self._lock = lock

    def handle(self, call: Call) -> Reply:
        """Answer one request."""
        try:
            self._lock.check(call)
            return Reply.json(self._answer(call))
        except GoogleError as error:
            return Reply.json({"error": {"code": error.code, "message": error.message}}, error.code)

    def _answer(self, call: Call) -> Any:
        path = call.path.rstrip("/")
        if (call.method, path) == ("GET", ROLES_PATH):
            return {role: sorted(granted) for role, granted in self._roles().items()}
        if (call.method, path) == ("GET", PERMISSIONS_PATH):
            return {name: [need.permission for need in needs] for name, needs in TABLE.items()}
        email, _, what = path.removeprefix(ACCOUNTS_PATH).strip("/").partition("/")
        answers: Mapping[tuple[str, bool, str], Callable[[], Any]] = {
            ("GET", False, ""): self._list,
            ("POST", False, ""): lambda: self._create(call.json()),
            ("GET", True, ""): lambda: self._shown(self._accounts.get(email)),
            ("DELETE", True, ""): lambda: self._remove(email),
            ("GET", True, "key"): lambda: self._key(email),
            ("POST", True, "key"): lambda: self._renew_key(email),
            ("POST", True, "token"): lambda: self._token(email, call.json()),
        }
        if (answer := answers.get((call.method, bool(email), what))) is None:
            raise GoogleError.of(
                404, f"No {call.method} {path}; see the documentation of accounts."
            )
        return answer()

    def _roles(self) -> dict[str, frozenset[str]]:
        return {**predefined(), **self._accounts.custom_roles}

    def _list(self) -> Any:
        accounts = self._accounts.all()
        projects = sorted({account.project for account in accounts} | {*self._accounts.projects()})
        agents = {
            project: {
                "healthcare": healthcare_agent(project),
                "storage": storage_agent(project),
            }
            for project in projects
        }
        return {
            "accounts": [self._shown(account) for account in accounts],
            "service_agents": agents,
        }

    def _shown(self, account: Account) -> Any:
        member = f"serviceAccount:{account.email}"
        roles = self._accounts.project_members(account.project).get(member, frozenset())
        return {"email": account.email, "project": account.project, "roles": sorted(roles)}

    def _create(self, body: object) -> Any:
        email, roles = _account_of(body)
        self._accounts.check_roles(roles)
        account = self._registry.create(email)
        self._accounts.set_project_roles(account.project, f"serviceAccount:{account.email}", roles)
        return self._shown(account)

    def _remove(self, email: str) -> Any:
        account = self._accounts.get(email)
        self._accounts.set_project_roles(account.project, f"serviceAccount:{account.email}", ())
        self._registry.remove(account.email)
        return {}

    def _key(self, email: str) -> Any:
        account = self._accounts.get(email)
        return json.loads(self._registry.files.path(account.email).read_text())

    def _renew_key(self, email: str) -> Any:
        self._accounts.get(email)
        self._registry.renew_key(email)
        return self._key(email)

    def _token(self, email: str, body: object) -> Any:
        lifetime = (
            body.get("lifetime_seconds", LIFETIME_SECONDS) if isinstance(body, dict) else None
        )
        if not isinstance(lifetime, int) or not 0 < lifetime <= _MAX_LIFETIME_SECONDS:
            raise invalid_argument(f"lifetime_seconds must be 1 to {_MAX_LIFETIME_SECONDS}.")
        account = self._accounts.get(email)
        return {
            "access_token": self._mint.mint(account.email, lifetime),
            "expires_in": lifetime,
            "token_type": "Bearer",
        }


def _account_of(body: object) -> tuple[str, list[str]]:
    if not isinstance(body, dict) or not isinstance(body.get("email"), str):
        raise invalid_argument('An account is an object with an "email" and its "roles".')
    if unknown := sorted(body.keys() - {"email", "roles"}):
        raise invalid_argument(f"Unknown field {unknown[0]!r}; an account has email and roles.")
    roles = body.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise invalid_argument("roles must be a list of role names.")
    return body["email"], roles
