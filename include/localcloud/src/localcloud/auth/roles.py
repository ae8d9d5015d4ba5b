"""Roles: names for sets of permissions, Google's own and a user's.

``roles.json`` holds the predefined and basic roles with those of their permissions that concern
the APIs of this server: role, then resource type, then verbs.
Source: https://docs.cloud.google.com/iam/docs/roles-permissions and below it the pages storage,
pubsub, healthcare, secretmanager, aiplatform, serviceusage, iam and resourcemanager
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping

PROJECT_OWNERS = "roles/owner"
CONVENIENCE_MEMBERS = {
    "projectOwner": PROJECT_OWNERS,
    "projectEditor": "roles/editor",
    "projectViewer": "roles/viewer",
}
"""Members of a bucket's policy that stand for whoever has a basic role on the project.

Source: https://cloud.google.com/storage/docs/access-control/iam#convenience-values
"""


@functools.cache
def predefined() -> Mapping[str, frozenset[str]]:
    """Return every predefined role's permissions."""
    text = (importlib.resources.files("localcloud.auth") / "roles.json").read_text("utf-8")
    return {
        role: frozenset(f"{kind}.{verb}" for kind, verbs in kinds.items() for verb in verbs)
        for role, kinds in json.loads(text).items()
    }


@functools.cache
def known_permissions() -> frozenset[str]:
    """Return every permission that some predefined role grants."""
    return frozenset().union(*predefined().values())


def permissions_of(role: str, custom: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return what a role grants; a role that nobody defined grants nothing."""
    return custom.get(role) or predefined().get(role, frozenset())
