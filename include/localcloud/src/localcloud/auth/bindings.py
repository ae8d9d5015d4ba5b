"""IAM policies as far as they decide: who has which role, by member.

A binding with a condition is kept and returned, but grants nothing: conditions are not evaluated
here, and ignoring one would give more than was meant.
Source: https://cloud.google.com/iam/docs/reference/rest/v1/Policy
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Set
from typing import Any

ALL_USERS = "allUsers"
ALL_AUTHENTICATED = "allAuthenticatedUsers"
# Together the bound of what is kept in memory; a longer policy is read anew for each decision.
_CACHED_POLICIES = 512
_CACHED_CHARACTERS = 64 << 10
_CACHED_PRINCIPALS = 1024

RolesByMember = Mapping[str, frozenset[str]]


def roles_by_member(policy: Mapping[str, Any]) -> RolesByMember:
    """Return the roles that a policy gives to each member; addresses are in lower case."""
    found: dict[str, set[str]] = {}
    for binding in policy.get("bindings") or ():
        if binding.get("condition"):
            continue
        for member in binding.get("members") or ():
            found.setdefault(_normal(member), set()).add(binding.get("role", ""))
    return {member: frozenset(roles) for member, roles in found.items()}


def parsed(policy_json: str) -> RolesByMember:
    """Return the roles by member of a stored policy; its text is the key, so it cannot be stale."""
    parse = _cached if len(policy_json) <= _CACHED_CHARACTERS else _cached.__wrapped__
    return parse(policy_json)


@functools.lru_cache(_CACHED_POLICIES)
def _cached(policy_json: str) -> RolesByMember:
    return roles_by_member(json.loads(policy_json))


def roles_of(members: Set[str], policy: RolesByMember) -> Set[str]:
    """Return the roles that a policy gives to a principal known by these member names."""
    return {role for member in members & policy.keys() for role in policy[member]}


@functools.lru_cache(_CACHED_PRINCIPALS)
def members_of(email: str) -> frozenset[str]:
    """Return the member names that mean a principal; an empty address is nobody known."""
    if not email:
        return frozenset({ALL_USERS})
    address = email.lower()
    return frozenset({ALL_USERS, ALL_AUTHENTICATED, f"serviceAccount:{address}", f"user:{address}"})


def _normal(member: str) -> str:
    kind, separator, name = member.partition(":")
    return f"{kind}:{name.lower()}" if separator else member
