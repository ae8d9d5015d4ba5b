"""Everything about identity, put together for one local cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from localcloud.auth.account_door import (
    ACCOUNTS_PATH,
    PERMISSIONS_PATH,
    ROLES_PATH,
    AccountDoor,
    AdminLock,
)
from localcloud.auth.accounts import Accounts
from localcloud.auth.agents import (
    GuardedObjects,
    GuardedPublisher,
    healthcare_agent,
    storage_agent,
)
from localcloud.auth.caller import Caller
from localcloud.auth.gate import Gate
from localcloud.auth.hierarchy import Hierarchy
from localcloud.auth.iam_file import IamFile
from localcloud.auth.keys import KeyFiles
from localcloud.auth.registry import Registry
from localcloud.auth.services import IamCredentialsService, ProjectsService
from localcloud.auth.token_endpoint import TOKEN_PATH, TokenEndpoint
from localcloud.auth.tokens import TokenMint, Tokens
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService
from localcloud.notify import Publisher
from localcloud.objects import CloudObjects
from localcloud.state.database import Database

Door = Callable[[Call], Reply]


class Auth:
    """Accounts, tokens, the gate, and what the rest of the cloud needs of them.

    Parameters
    ----------
    folder
        ``auth`` in the data folder: the secret of tokens, the admin token, ``keys/EMAIL.json``.
    databases
        By name; those whose policies decide, and ``auth``.
    base_url
        Where clients reach the token endpoint.
    required
        Whether calls need a token.
    iam
        What to make at start.
    """

    def __init__(
        self,
        folder: Path,
        databases: Mapping[str, Database],
        base_url: str,
        *,
        required: bool,
        iam: IamFile | None,
    ) -> None:
        mint = TokenMint(folder)
        accounts = Accounts(databases["auth"])
        token_uri = f"{base_url}{TOKEN_PATH}"
        registry = Registry(accounts, KeyFiles(folder / "keys", token_uri))
        if iam is not None:
            iam.apply(registry)
        self._hierarchy = Hierarchy(databases)
        self.gate = Gate(accounts, Tokens(mint, accounts), self._hierarchy, required)
        self.lock = AdminLock(folder, required=required)
        door = AccountDoor(registry, mint, self.lock)
        self.doors: Mapping[str, Door] = {
            TOKEN_PATH: TokenEndpoint(accounts, mint, token_uri).handle,
            **dict.fromkeys((ACCOUNTS_PATH, ROLES_PATH, PERMISSIONS_PATH), door.handle),
        }
        self.services: list[HttpService] = [
            IamCredentialsService(accounts, mint),
            ProjectsService(accounts),
        ]

    def objects(self, objects: CloudObjects) -> CloudObjects:
        """Return Cloud Storage as other services may use it."""
        return GuardedObjects(objects) if self.gate.required else objects

    def healthcare_publisher(self, publisher: Publisher) -> Publisher:
        """Return Pub/Sub as the Healthcare API may use it."""
        return self._guarded(publisher, self._healthcare_sender)

    def storage_publisher(self, publisher: Publisher) -> Publisher:
        """Return Pub/Sub as Cloud Storage may use it."""
        return self._guarded(publisher, self._storage_sender)

    def _guarded(
        self, publisher: Publisher, sender: Callable[[bytes, Mapping[str, str]], Caller]
    ) -> Publisher:
        return GuardedPublisher(publisher, sender) if self.gate.required else publisher

    def _healthcare_sender(self, data: bytes, attributes: Mapping[str, str]) -> Caller:
        # A message names its store in an attribute; the legacy form has only the instance's name.
        name = attributes.get("storeName") or data.decode(errors="replace")
        return self.gate.principal(healthcare_agent(name.split("/")[1] if "/" in name else ""))

    def _storage_sender(self, _: bytes, attributes: Mapping[str, str]) -> Caller:
        project = self._hierarchy.bucket_project(attributes["bucketId"])
        return self.gate.principal(storage_agent(project or ""))
