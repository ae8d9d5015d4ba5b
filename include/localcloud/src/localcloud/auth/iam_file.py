"""The file of ``--iam``: accounts, their roles, custom roles and further bindings.

    [[accounts]]
    email = "pipeline@demo.iam.gserviceaccount.com"
    roles = ["roles/healthcare.dicomEditor"]

    [[bindings]]
    project = "demo"
    role = "roles/storage.objectViewer"
    members = ["serviceAccount:service-1234@gcp-sa-healthcare.iam.gserviceaccount.com"]

    [roles."projects/demo/roles/predictor"]
    permissions = ["aiplatform.endpoints.predict"]

JSON of the same shape does as well. The file is applied at every start: an account in it has
exactly its roles then; what was made while the cloud ran stays.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.auth.accounts import project_of
from localcloud.auth.registry import Registry
from localcloud.auth.roles import known_permissions, predefined
from localcloud.errors import GoogleError, StartError

_CUSTOM_ROLE = re.compile(r"(projects|organizations)/[^/]+/roles/[A-Za-z0-9_.]{3,64}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class AccountEntry:
    """An account of the file; its roles are on its own project."""

    email: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class BindingEntry:
    """A role on a project for any members, service agents among them."""

    project: str
    role: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class IamFile:
    """A file that was read and found right."""

    accounts: tuple[AccountEntry, ...]
    bindings: tuple[BindingEntry, ...]
    custom_roles: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, path: Path) -> IamFile:
        """Read a file.

        Raises
        ------
        StartError
            When it cannot be read or says something that cannot be, naming file and field.
        """
        try:
            text = path.read_text("utf-8")
            value = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
            return _Reader(value).file()
        except (OSError, ValueError, _WrongError) as error:
            raise StartError(f"--iam {path}: {error}") from error

    def apply(self, registry: Registry) -> None:
        """Make accounts, roles and bindings as the file says."""
        accounts = registry.accounts
        for name, permissions in self.custom_roles.items():
            accounts.set_custom_role(name, permissions)
        for entry in self.accounts:
            registry.create(entry.email)
            member = f"serviceAccount:{entry.email}"
            accounts.set_project_roles(project_of(entry.email), member, entry.roles)
        for binding in self.bindings:
            accounts.add_binding(binding.project, binding.role, binding.members)


class _WrongError(Exception):
    """A field that cannot be."""


class _Reader:
    def __init__(self, value: object) -> None:
        top = _object(value, "the file", {"accounts", "bindings", "roles"})
        self._accounts = _list(top.get("accounts", []), "accounts")
        self._bindings = _list(top.get("bindings", []), "bindings")
        roles = _object(top.get("roles", {}), "roles")
        self._roles = {name: _custom_role(name, role) for name, role in roles.items()}

    def file(self) -> IamFile:
        accounts = [self._account(item, f"accounts[{i}]") for i, item in enumerate(self._accounts)]
        emails = [account.email for account in accounts]
        if repeated := {email for email in emails if emails.count(email) > 1}:
            raise _WrongError(f"accounts: {min(repeated)} occurs more than once")
        bindings = [self._binding(item, f"bindings[{i}]") for i, item in enumerate(self._bindings)]
        return IamFile(tuple(accounts), tuple(bindings), self._roles)

    def _account(self, item: object, at: str) -> AccountEntry:
        fields = _object(item, at, {"email", "roles"})
        email = _text(fields.get("email"), f"{at}.email").lower()
        try:
            project_of(email)
        except GoogleError as error:
            raise _WrongError(f"{at}.email: {error.message}") from error
        roles = [
            self._role(r, f"{at}.roles") for r in _list(fields.get("roles", []), f"{at}.roles")
        ]
        return AccountEntry(email, tuple(roles))

    def _binding(self, item: object, at: str) -> BindingEntry:
        fields = _object(item, at, {"project", "role", "members"})
        project = _text(fields.get("project"), f"{at}.project")
        if not _PROJECT.fullmatch(project):
            raise _WrongError(f"{at}.project: {project!r} is not a project id")
        members = [_text(m, f"{at}.members") for m in _list(fields.get("members"), f"{at}.members")]
        return BindingEntry(project, self._role(fields.get("role"), f"{at}.role"), tuple(members))

    def _role(self, value: object, at: str) -> str:
        role = _text(value, at)
        if role not in predefined() and role not in self._roles:
            raise _WrongError(
                f"{at}: {role} is neither a predefined role known here nor defined under roles"
            )
        return role


def _custom_role(name: str, value: object) -> frozenset[str]:
    at = f"roles.{name!r}"
    if not _CUSTOM_ROLE.fullmatch(name):
        raise _WrongError(f"{at}: want projects/PROJECT/roles/ROLE")
    fields = _object(value, at, {"permissions"})
    permissions = _list(fields.get("permissions"), f"{at}.permissions")
    for permission in permissions:
        if permission not in known_permissions():
            raise _WrongError(f"{at}.permissions: {permission!r} is no permission known here")
    return frozenset(permissions)


def _object(value: object, at: str, known: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _WrongError(f"{at}: want a table")
    if known is not None and (unknown := sorted(value.keys() - known)):
        raise _WrongError(f"{at}: unknown {unknown[0]!r}; there are {', '.join(sorted(known))}")
    return value


def _list(value: object, at: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise _WrongError(f"{at}: want a list")
    return value


def _text(value: object, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise _WrongError(f"{at}: want text")
    return value
