"""IAM of buckets: kept and returned here, enforced by the gate before every call.

Source: https://cloud.google.com/storage/docs/access-control/iam and
https://cloud.google.com/iam/docs/policies#versions
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.auth.caller import current
from localcloud.auth.hierarchy import default_bucket_policy
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.storage.buckets import BucketStore
from localcloud.storage.records import entity_tag

_VERSIONS = (0, 1, 3)
_CONDITIONAL_VERSION = 3
_MAX_PRINCIPALS = 1500
_ROLE = re.compile(r"(?:projects/[^/]+/|organizations/[^/]+/)?roles/[\w.]+")
_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|principal(?:Set)?://.+|deleted:\w+:.+"
    r"|(?:user|group|serviceAccount|domain|project(?:Owner|Editor|Viewer)):.+"
)
_PERMISSION = re.compile(r"storage\.\w+\.\w+")
# ``serial`` counts the changes and is never shown; the etag is made of it.
_NEW: Mapping[str, Any] = {"version": 1, "bindings": [], "etag": entity_tag(0), "serial": 0}


class PolicyMethods:
    """The IAM policies of buckets."""

    def __init__(self, buckets: BucketStore) -> None:
        self._buckets = buckets

    @serves("storage.buckets.getIamPolicy")
    def get_policy(self, call: Call) -> Reply:
        """Return a policy; one with conditions only to a caller that can read them."""
        bucket = call.params["bucket"]
        policy = self._buckets.policy(bucket) or self._initial(bucket)
        requested = call.query.integer("optionsRequestedPolicyVersion", 1)
        if requested not in _VERSIONS:
            raise invalid_argument(f"Invalid requested policy version {requested}; give 1 or 3.")
        if requested != _CONDITIONAL_VERSION and _is_conditional(policy):
            raise invalid_argument(
                "The policy has conditions: request it with optionsRequestedPolicyVersion=3."
            )
        return Reply.json(_shown(bucket, policy))

    @serves("storage.buckets.setIamPolicy")
    def set_policy(self, call: Call) -> Reply:
        """Replace a policy, unless its etag tells that it was changed meanwhile."""
        bucket, policy = call.params["bucket"], call.json()
        _check(policy)

        def replaced(stored: dict[str, Any] | None) -> dict[str, Any]:
            known = stored or _NEW
            if policy.get("etag") not in (None, known["etag"]):
                raise GoogleError.of(412, "The policy changed since it was read; read it again.")
            serial = known["serial"] + 1
            return {**_NEW, **policy, "etag": entity_tag(serial), "serial": serial}

        return Reply.json(_shown(bucket, self._buckets.change_policy(bucket, replaced)))

    @serves("storage.buckets.testIamPermissions")
    def test_permissions(self, call: Call) -> Reply:
        self._buckets.get(call.params["bucket"])
        permissions = call.query.all("permissions")
        if wrong := [name for name in permissions if not _PERMISSION.fullmatch(name)]:
            raise invalid_argument(f"Invalid permission {wrong[0]!r} for a bucket.")
        resource = f"projects/_/buckets/{call.params['bucket']}"
        held = current().permitted(permissions, resource)
        answer: dict[str, Any] = {"kind": "storage#testIamPermissionsResponse"}
        return Reply.json({**answer, "permissions": held} if held else answer)

    def _initial(self, bucket: str) -> Mapping[str, Any]:
        # Where nobody has an identity, roles that nobody granted would only be noise.
        if current().decide is None:
            return _NEW
        return {**_NEW, **default_bucket_policy(self._buckets.project(bucket))}


def _check(policy: Mapping[str, Any]) -> None:
    bindings = policy.get("bindings") or []
    version = policy.get("version") or 1
    if version not in _VERSIONS:
        raise invalid_argument(f"Invalid policy version {version}; give 1, or 3 with conditions.")
    if _is_conditional(policy) and version != _CONDITIONAL_VERSION:
        raise invalid_argument("A policy with conditions must have version 3.")
    members = [member for binding in bindings for member in binding.get("members") or []]
    if len(members) > _MAX_PRINCIPALS:
        raise invalid_argument(f"A policy names at most {_MAX_PRINCIPALS} principals.")
    for binding in bindings:
        if not _ROLE.fullmatch(binding.get("role") or ""):
            raise invalid_argument(f"Invalid role {binding.get('role')!r}; give roles/NAME.")
    if wrong := [member for member in members if not _MEMBER.fullmatch(member)]:
        raise invalid_argument(f"Invalid member {wrong[0]!r}; give a type and an address.")


def _is_conditional(policy: Mapping[str, Any]) -> bool:
    return any(binding.get("condition") for binding in policy.get("bindings") or [])


def _shown(bucket: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in policy.items() if key != "serial"}
    return {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket}", **shown}
