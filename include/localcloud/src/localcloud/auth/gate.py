"""The check before every call: who calls, and whether it may.

With ``--require-token`` a call needs a token, and its account the permissions that the method's
row in ``tables`` names. Permission is decided before the resource is looked for, so that a refusal
tells nobody whether it exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from localcloud.auth import wording
from localcloud.auth.accounts import Accounts
from localcloud.auth.bindings import members_of, roles_of
from localcloud.auth.caller import UNRESTRICTED, Caller, acting_as
from localcloud.auth.hierarchy import Hierarchy
from localcloud.auth.needs import Lookup, Needs
from localcloud.auth.roles import CONVENIENCE_MEMBERS, permissions_of
from localcloud.auth.signed_urls import signer_of
from localcloud.auth.tables import TABLE
from localcloud.auth.tokens import TokenRejected, Tokens
from localcloud.contract.discovery import Route
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import HttpService

_QUOTA_PROJECT = "x-goog-user-project"
_USE_PROJECT = "serviceusage.services.use"


@dataclass(frozen=True)
class Gate:
    """Decides about callers; with ``required`` false everybody may do everything."""

    accounts: Accounts
    tokens: Tokens
    hierarchy: Hierarchy
    required: bool

    def handle(self, service: HttpService, route: Route, call: Call) -> Reply:
        """Run a call that may be made, or answer why it may not."""
        if not self.required:
            return service.handle(route, call)
        try:
            caller = self._admit(service, route, call)
        except GoogleError as error:
            return _refusal(service, error, call)
        with acting_as(caller):
            return service.handle(route, call)

    def caller(self, api: str, method_id: str, authorization: str) -> Caller:
        """Return who sends an Authorization header.

        Raises
        ------
        GoogleError
            401 without a valid token; Cloud Storage lets an anonymous caller pass, whom only
            ``allUsers`` can have given anything.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            if api == "storage" and not authorization:
                return self.principal("")
            raise wording.missing(api, method_id)
        try:
            return self.principal(self.tokens.email_of(token.strip()))
        except TokenRejected as error:
            raise wording.rejected(api, method_id, expired=error.expired) from error

    def principal(self, email: str) -> Caller:
        """Return a principal under the rules in force."""
        if not self.required:
            return UNRESTRICTED
        return Caller(email, self._decide, wording.denied)

    def check(self, caller: Caller, method_id: str, lookup: Lookup) -> None:
        """Do nothing when a caller may call a method.

        Parameters
        ----------
        lookup
            The values of the placeholders; ``header:NAME`` gives a header.

        Raises
        ------
        GoogleError
            403 for the first permission that is missing, 400 when the request names no resource.
        """
        for need in _needs(method_id):
            if need.header and not lookup(f"header:{need.header}"):
                continue
            resolved = need.resolve(lookup)
            if resolved is not None:
                caller.require(*resolved)
            elif not need.optional:
                raise invalid_argument(f"{method_id} needs {need.resource}; the request has none.")

    def _admit(self, service: HttpService, route: Route, call: Call) -> Caller:
        if _is_session(route, call):
            return UNRESTRICTED
        signer = signer_of(call, self.accounts) if call.media == "xml" else None
        authorization = call.headers.get("authorization", "")
        caller = (
            self.principal(signer)
            if signer
            else self.caller(service.contract.api, route.method_id, authorization)
        )
        if route.method_id not in TABLE and route.method_id not in service.served_methods():
            # Nothing to guard: it answers 501.
            return caller
        lookup = _HttpLookup(call, self._own_project(caller))
        self.check(caller, route.method_id, lookup)
        if (project := call.headers.get(_QUOTA_PROJECT)) and caller.email:
            caller.require(_USE_PROJECT, f"projects/{project}")
        return caller

    def _own_project(self, caller: Caller) -> str:
        account = self.accounts.find(caller.email)
        return account.project if account else ""

    def _decide(self, email: str, permission: str, resource: str) -> bool:
        place = self.hierarchy.place(resource)
        members = members_of(email)
        if place.project is None:
            # A bucket that does not exist has no project: whoever has the permission somewhere
            # may learn that.
            projects = self.accounts.projects()
            return any(
                self._grants(permission, self._project_roles(members, project))
                for project in projects
            )
        of_project = self._project_roles(members, place.project)
        if self._grants(permission, of_project):
            return True
        stand_for = {
            f"{member}:{place.project}"
            for member, role in CONVENIENCE_MEMBERS.items()
            if role in of_project
        }
        known_as = members | stand_for
        return any(
            self._grants(permission, roles_of(known_as, policy)) for policy in place.policies()
        )

    def _project_roles(self, members: frozenset[str], project: str) -> frozenset[str]:
        return frozenset(roles_of(members, self.accounts.project_members(project)))

    def _grants(self, permission: str, roles: Any) -> bool:
        custom = self.accounts.custom_roles
        return any(permission in permissions_of(role, custom) for role in roles)


class _HttpLookup:
    """Finds the values of placeholders in a call."""

    def __init__(self, call: Call, own_project: str) -> None:
        self._call = call
        self._own_project = own_project

    def __call__(self, name: str) -> str:
        call = self._call
        if name.startswith("header:"):
            return call.headers.get(name.removeprefix("header:"), "")
        if name.startswith("?"):
            return call.query.get(name[1:]) or ""
        if name.startswith("."):
            return _field(call.json(), name[1:])
        if name == "@project":
            return self._paying_project()
        return call.params.get(name, "")

    def _paying_project(self) -> str:
        if project := self._call.headers.get(_QUOTA_PROJECT):
            return f"projects/{project}"
        named = self._call.params.get("parent") or self._call.params.get("name") or ""
        segments = named.split("/")
        if segments[0] == "projects" and len(segments) > 1:
            return "/".join(segments[:2])
        return f"projects/{self._own_project}" if self._own_project else ""


def _needs(method_id: str) -> Needs:
    try:
        return TABLE[method_id]
    except KeyError:
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"The local cloud does not know which permission {method_id} needs.",
        ) from None


def _is_session(route: Route, call: Call) -> bool:
    """Return whether a call goes on with an upload, whose address is its own credential.

    Source: https://cloud.google.com/storage/docs/resumable-uploads#session-uris
    """
    is_upload = route.method_id == "storage.objects.insert" and call.media == "upload"
    return is_upload and bool(call.query.get("upload_id"))


def _field(body: object, name: str) -> str:
    value = body.get(name) if isinstance(body, Mapping) else None
    return value if isinstance(value, str) else ""


def _refusal(service: HttpService, error: GoogleError, call: Call) -> Reply:
    reply = service.error_reply(error, call)
    if error.code != HTTPStatus.UNAUTHORIZED:
        return reply
    sent = "authorization" in call.headers
    challenge = wording.INVALID_CHALLENGE if sent else wording.CHALLENGE
    return replace(reply, headers={**reply.headers, "WWW-Authenticate": challenge})
