"""Service accounts, custom roles and the policies of projects: kept in SQLite, read from memory."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from localcloud.auth.bindings import RolesByMember, roles_by_member
from localcloud.auth.roles import predefined
from localcloud.errors import GoogleError, invalid_argument, not_found
from localcloud.state.database import Database

_STEPS = (
    """
    CREATE TABLE accounts (
      email TEXT PRIMARY KEY,
      project TEXT NOT NULL,
      unique_id TEXT NOT NULL,
      key_id TEXT NOT NULL,
      public_key TEXT NOT NULL
    );
    CREATE TABLE project_policies (project TEXT PRIMARY KEY, policy TEXT NOT NULL);
    CREATE TABLE custom_roles (name TEXT PRIMARY KEY, permissions TEXT NOT NULL)
    """,
)
_EMAIL = re.compile(r"[a-z0-9][a-z0-9._-]*@(?P<project>[a-z][a-z0-9-]*)\.iam\.gserviceaccount\.com")
_EMPTY_POLICY: Mapping[str, Any] = {"version": 1, "bindings": []}

Policy = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """A service account; ``public_key`` is PEM and verifies what its key signs."""

    email: str
    project: str
    unique_id: str
    key_id: str
    public_key: str


@dataclass(frozen=True)
class _Snapshot:
    accounts: Mapping[str, Account]
    policies: Mapping[str, str]
    members: Mapping[str, RolesByMember]
    custom_roles: Mapping[str, frozenset[str]]


class Accounts:
    """Every account, project policy and custom role of one local cloud; safe for any thread.

    Readers see one consistent snapshot; a change is in force for every call that begins after it.
    """

    def __init__(self, database: Database) -> None:
        database.migrate("auth", _STEPS)
        self._database = database
        self._lock = threading.RLock()
        self._now = self._load()

    def find(self, email: str) -> Account | None:
        """Return an account, or None."""
        return self._now.accounts.get(email.lower())

    def get(self, email: str) -> Account:
        """Return an account.

        Raises
        ------
        GoogleError
            404 when there is none.
        """
        if (account := self.find(email)) is None:
            raise not_found(f"Service account {email} does not exist.")
        return account

    def all(self) -> list[Account]:
        """Return all accounts by address."""
        return [account for _, account in sorted(self._now.accounts.items())]

    @property
    def custom_roles(self) -> Mapping[str, frozenset[str]]:
        """The permissions of each custom role."""
        return self._now.custom_roles

    def project_members(self, project: str) -> RolesByMember:
        """Return the roles that a project's policy gives, by member."""
        return self._now.members.get(project, {})

    def projects(self) -> Iterable[str]:
        """Return every project that has a policy."""
        return self._now.policies.keys()

    def project_policy(self, project: str) -> Policy:
        """Return a project's policy as last set, without an etag."""
        return {**_EMPTY_POLICY, **json.loads(self._now.policies.get(project, "{}"))}

    def add(self, email: str, key_id: str, public_key: str) -> Account:
        """Create an account, or give one that exists another key.

        What an earlier key signed is refused from now on.

        Raises
        ------
        GoogleError
            400 when the address is none of a service account.
        """
        project = project_of(email)
        known = self.find(email)
        unique_id = known.unique_id if known else str(10**20 + secrets.randbelow(10**20))
        account = Account(email.lower(), project, unique_id, key_id, public_key)
        self._write("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)", astuple(account))
        return account

    def remove(self, email: str) -> None:
        """Delete an account; its tokens and keys are refused from now on."""
        account = self.get(email)
        self._write("DELETE FROM accounts WHERE email = ?", (account.email,))

    def change_project_policy(self, project: str, change: Callable[[Policy], Policy]) -> Policy:
        """Replace a project's policy by what ``change`` makes of it, and return that."""
        with self._lock:
            policy = change(self.project_policy(project))
            self._write(
                "INSERT OR REPLACE INTO project_policies VALUES (?, ?)",
                (project, json.dumps(policy)),
            )
        return policy

    def set_project_roles(self, project: str, member: str, roles: Iterable[str]) -> None:
        """Give a member exactly these roles on a project.

        Raises
        ------
        GoogleError
            400 for a role that nobody defined.
        """
        wanted = list(roles)
        self.check_roles(wanted)

        def changed(policy: Policy) -> Policy:
            others = [
                {**binding, "members": [name for name in binding["members"] if name != member]}
                for binding in policy["bindings"]
            ]
            own = [{"role": role, "members": [member]} for role in wanted]
            kept = [binding for binding in (*others, *own) if binding["members"]]
            return {**policy, "bindings": kept}

        self.change_project_policy(project, changed)

    def add_binding(self, project: str, role: str, members: Iterable[str]) -> None:
        """Give members a role on a project, besides what they have."""
        binding = {"role": role, "members": list(members)}

        def changed(policy: Policy) -> Policy:
            bindings = policy["bindings"]
            return policy if binding in bindings else {**policy, "bindings": [*bindings, binding]}

        self.change_project_policy(project, changed)

    def set_custom_role(self, name: str, permissions: Iterable[str]) -> None:
        """Define a role of the user's own."""
        self._write(
            "INSERT OR REPLACE INTO custom_roles VALUES (?, ?)",
            (name, json.dumps(sorted(permissions))),
        )

    def check_roles(self, roles: Iterable[str]) -> None:
        """Refuse roles that nobody defined.

        Raises
        ------
        GoogleError
            400, naming the role.
        """
        for role in roles:
            if role not in predefined() and role not in self.custom_roles:
                raise invalid_argument(
                    f"Role {role} is not supported for this resource; GET /_localcloud/roles lists "
                    "those that are."
                )

    def _write(self, sql: str, arguments: tuple[Any, ...]) -> None:
        with self._lock:
            with self._database.write() as tx:
                tx.execute(sql, arguments)
            self._now = self._load()

    def _load(self) -> _Snapshot:
        read = self._database.read
        policies = {row["project"]: row["policy"] for row in read("SELECT * FROM project_policies")}
        return _Snapshot(
            {row["email"]: Account(*row) for row in read("SELECT * FROM accounts")},
            policies,
            {project: roles_by_member(json.loads(text)) for project, text in policies.items()},
            {
                row["name"]: frozenset(json.loads(row["permissions"]))
                for row in read("SELECT * FROM custom_roles")
            },
        )


def project_of(email: str) -> str:
    """Return the project of a service account's address.

    Raises
    ------
    GoogleError
        400 when it is not NAME@PROJECT.iam.gserviceaccount.com.
    """
    match = _EMAIL.fullmatch(email.lower())
    if match is None:
        raise GoogleError.of(
            400, f"{email!r} is not a service account; want NAME@PROJECT.iam.gserviceaccount.com."
        )
    return match["project"]
