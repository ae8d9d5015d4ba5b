"""Which policies apply to a resource: its own, its parents' and its project's.

Policies are read from the services' databases at every decision: what setIamPolicy acknowledged
is in force for the next call, and a resource that is deleted takes its policy along.
Source: https://cloud.google.com/iam/docs/resource-hierarchy-access-control
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from localcloud.auth.accounts import project_of
from localcloud.auth.bindings import RolesByMember, parsed, roles_by_member
from localcloud.errors import GoogleError
from localcloud.state.database import Database

_BUCKETS = "projects/_/buckets/"
_DATASET_SEGMENTS = 6
_STORE_SEGMENTS = 8
_CACHED_PROJECTS = 256
_PUBSUB = frozenset({"topics", "subscriptions", "snapshots"})
_POLICIES_OF_OTHERS = "SELECT policy FROM policies WHERE resource = ?"
_POLICIES_OF_PUBSUB = "SELECT body FROM pubsub_policies WHERE resource = ?"
_POLICIES_OF_HEALTHCARE = "SELECT policy FROM healthcare_policies WHERE resource IN (?, ?)"
_BUCKET = "SELECT project, policy FROM buckets WHERE name = ?"

# A bucket that nobody set a policy on gives these to whoever has a basic role on its project.
# Source: https://cloud.google.com/storage/docs/access-control/iam#convenience-values
_OWNERS = ("projectOwner:{project}", "projectEditor:{project}")
_DEFAULT_BUCKET_ROLES: Mapping[str, Sequence[str]] = {
    "roles/storage.legacyBucketOwner": _OWNERS,
    "roles/storage.legacyObjectOwner": _OWNERS,
    "roles/storage.legacyBucketReader": ("projectViewer:{project}",),
    "roles/storage.legacyObjectReader": ("projectViewer:{project}",),
}


@dataclass(frozen=True)
class Place:
    """A resource's project, None when it cannot be known, and the policies below the project's.

    ``policies`` is a function, because a role on the project often settles the matter.
    """

    project: str | None
    policies: Callable[[], Sequence[RolesByMember]] = list


class Hierarchy:
    """Finds the place of any resource by its name.

    Parameters
    ----------
    databases
        ``storage``, ``healthcare``, ``pubsub``, ``secretmanager`` and ``vertex``.
    """

    def __init__(self, databases: Mapping[str, Database]) -> None:
        self._databases = databases

    def place(self, resource: str) -> Place:
        """Return where a resource stands; it need not exist."""
        if resource.startswith(_BUCKETS):
            return self._bucket(resource.removeprefix(_BUCKETS).split("/")[0])
        segments = resource.split("/")
        if len(segments) < 2 or segments[0] != "projects":
            return Place(None)
        return Place(_project(segments), functools.partial(self._policies, segments))

    def bucket_project(self, bucket: str) -> str | None:
        """Return the project of a bucket."""
        return self._bucket(bucket).project

    def _policies(self, segments: list[str]) -> list[RolesByMember]:
        if len(segments) >= _DATASET_SEGMENTS and segments[4] == "datasets":
            names = ["/".join(segments[:n]) for n in (_DATASET_SEGMENTS, _STORE_SEGMENTS)]
            return self._read("healthcare", _POLICIES_OF_HEALTHCARE, names)
        if len(segments) >= 4 and segments[2] in _PUBSUB:
            return self._read("pubsub", _POLICIES_OF_PUBSUB, ["/".join(segments[:4])], _of_message)
        if "secrets" in segments[2:5:2]:
            end = segments.index("secrets") + 2
            return self._read("secretmanager", _POLICIES_OF_OTHERS, ["/".join(segments[:end])])
        if len(segments) >= _DATASET_SEGMENTS and segments[4] == "models":
            # A version of a model, MODEL@2, has its model's policy.
            name = "/".join(segments[:_DATASET_SEGMENTS]).partition("@")[0]
            return self._read("vertex", _POLICIES_OF_OTHERS, [name])
        return []

    def _read(
        self,
        service: str,
        sql: str,
        names: Sequence[str],
        parse: Callable[..., RolesByMember] = parsed,
    ) -> list[RolesByMember]:
        return [parse(row[0]) for row in self._databases[service].read(sql, names)]

    def _bucket(self, name: str) -> Place:
        rows = self._databases["storage"].read(_BUCKET, (name,))
        if not rows:
            return Place(None)
        project, policy = rows[0]
        return Place(
            project, lambda: [parsed(policy) if policy else _default_bucket_roles(project)]
        )


def default_bucket_policy(project: str) -> dict[str, object]:
    """Return the policy of a bucket that nobody set one on."""
    bindings = [
        {"role": role, "members": [member.format(project=project) for member in members]}
        for role, members in _DEFAULT_BUCKET_ROLES.items()
    ]
    return {"version": 1, "bindings": bindings}


@functools.lru_cache(_CACHED_PROJECTS)
def _default_bucket_roles(project: str) -> RolesByMember:
    return roles_by_member(default_bucket_policy(project))


def _project(segments: list[str]) -> str | None:
    if segments[1] != "-":
        return segments[1]
    # projects/-/serviceAccounts/EMAIL: the address names the project.
    try:
        return project_of(segments[-1])
    except GoogleError:
        return None


def _of_message(body: bytes) -> RolesByMember:
    return roles_by_member(json_format.MessageToDict(policy_pb2.Policy.FromString(body)))
