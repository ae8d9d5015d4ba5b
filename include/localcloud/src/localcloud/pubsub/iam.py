"""IAM policies of topics, subscriptions and snapshots: google.iam.v1.IAMPolicy beside Pub/Sub.

Policies are stored and returned here; the gate before every call enforces them.
Source: https://cloud.google.com/pubsub/docs/access-control and
https://cloud.google.com/iam/docs/reference/rest/v1/Policy
"""

from __future__ import annotations

import hashlib
from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2

from localcloud.auth.caller import current
from localcloud.contract.transports import GrpcMethod
from localcloud.errors import GoogleError
from localcloud.pubsub.errors import invalid, not_found
from localcloud.pubsub.ledger import Ledger, Transaction
from localcloud.pubsub.rpc import serves

SERVICE = "google.iam.v1.IAMPolicy"
_TABLES = {
    "topics": "pubsub_topics",
    "subscriptions": "pubsub_subscriptions",
    "snapshots": "pubsub_snapshots",
}


def _method(name: str, request: type) -> GrpcMethod:
    return GrpcMethod(
        f"/{SERVICE}/{name}",
        "unary_unary",
        request.FromString,
        lambda message: bytes(message.SerializeToString()),
    )


METHODS = {
    method.path: method
    for method in (
        _method("SetIamPolicy", iam_policy_pb2.SetIamPolicyRequest),
        _method("GetIamPolicy", iam_policy_pb2.GetIamPolicyRequest),
        _method("TestIamPermissions", iam_policy_pb2.TestIamPermissionsRequest),
    )
}


class IamService:
    """The policies of Pub/Sub's resources, as remote procedures."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @serves("GetIamPolicy")
    async def get_policy(self, request: Any, _: object) -> Any:
        """Read a resource's policy; one that was never set is empty."""
        return await self._ledger.commit(lambda tx: _existing_policy(tx, request.resource))

    @serves("SetIamPolicy")
    async def set_policy(self, request: Any, _: object) -> Any:
        """Replace a resource's policy; a stale etag answers ABORTED."""
        return await self._ledger.commit(
            lambda tx: _set_policy(tx, request.resource, request.policy)
        )

    @serves("TestIamPermissions")
    async def held_permissions(self, request: Any, _: object) -> Any:
        """Return which of the permissions the caller has."""
        for permission in request.permissions:
            if "*" in permission:
                raise invalid(f"Permission {permission} must not contain a wildcard.")
        await self._ledger.commit(lambda tx: _existing_policy(tx, request.resource))
        held = current().permitted(request.permissions, request.resource)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)


def policy_of(tx: Transaction, resource: str) -> policy_pb2.Policy:
    """Return a resource's policy with its etag; empty when there is none."""
    rows = tx.execute("SELECT body FROM pubsub_policies WHERE resource = ?", (resource,)).fetchall()
    body = rows[0]["body"] if rows else b""
    policy = policy_pb2.Policy.FromString(body)
    policy.etag = hashlib.sha256(body).digest()[:8]
    return policy


def _existing_policy(tx: Transaction, resource: str) -> policy_pb2.Policy:
    parts = resource.split("/")
    table = _TABLES.get(parts[2]) if len(parts) == 4 and parts[0] == "projects" else None
    if table is None:
        raise invalid(f"Invalid resource name: (name={resource})")
    if not tx.execute(f"SELECT 1 FROM {table} WHERE name = ?", (resource,)).fetchall():  # noqa: S608
        raise not_found(resource)
    return policy_of(tx, resource)


def _set_policy(tx: Transaction, resource: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
    current = _existing_policy(tx, resource)
    if policy.etag and policy.etag != current.etag:
        raise GoogleError(
            409, "ABORTED", f"The policy of {resource} was changed: read it again and repeat."
        )
    policy.ClearField("etag")
    tx.execute(
        "INSERT OR REPLACE INTO pubsub_policies (resource, body) VALUES (?, ?)",
        (resource, policy.SerializeToString(deterministic=True)),
    )
    return policy_of(tx, resource)
