"""IAM policies of datasets and stores: kept here, enforced by the gate before every call.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/Policy
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3

from localcloud.auth.caller import current
from localcloud.errors import GoogleError
from localcloud.healthcare.resources import Json, present
from localcloud.healthcare.stores import KINDS, Resources
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.state.database import Database

_DATASETS = "healthcare.projects.locations.datasets"
_TABLES = ("CREATE TABLE healthcare_policies(resource TEXT PRIMARY KEY, policy TEXT NOT NULL)",)


def _each(verb: str) -> tuple[str, ...]:
    return tuple(f"{_DATASETS}{kind}.{verb}" for kind in ("", ".dicomStores", ".fhirStores"))


class IamMethods:
    """getIamPolicy, setIamPolicy and testIamPermissions of datasets and stores."""

    def __init__(self, database: Database, resources: Resources) -> None:
        self._database = database
        self._resources = resources
        database.migrate("healthcare.iam", _TABLES)
        for collection in ("datasets", *KINDS):
            resources.on_delete(collection, _forget)

    @serves(*_each("getIamPolicy"))
    def get_policy(self, call: Call) -> Reply:
        resource = call.params["resource"]
        self._resources.get(resource)
        return Reply.json(self._stored(resource))

    @serves(*_each("setIamPolicy"))
    def set_policy(self, call: Call) -> Reply:
        """Replace the policy; a stale etag answers 409, so read, change and write back."""
        resource = call.params["resource"]
        self._resources.get(resource)
        policy: Json = dict(call.json().get("policy", {}))
        etag = policy.pop("etag", None)
        if etag and etag != self._stored(resource)["etag"]:
            message = "the policy was changed by somebody else: read it again and repeat"
            raise GoogleError(409, "ABORTED", message)
        with self._database.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO healthcare_policies VALUES(?, ?)",
                (resource, json.dumps(policy)),
            )
        return Reply.json(self._stored(resource))

    @serves(*_each("testIamPermissions"))
    def test_permissions(self, call: Call) -> Reply:
        """Return which of the permissions the caller has."""
        resource = call.params["resource"]
        self._resources.get(resource)
        held = current().permitted(call.json().get("permissions", []), resource)
        return Reply.json(present({"permissions": held}))

    def _stored(self, resource: str) -> Json:
        rows = self._database.read(
            "SELECT policy FROM healthcare_policies WHERE resource = ?", (resource,)
        )
        text = rows[0][0] if rows else "{}"
        digest = hashlib.sha256(text.encode()).digest()[:8]
        return {**json.loads(text), "etag": base64.b64encode(digest).decode()}


def _forget(tx: sqlite3.Connection, resource: str) -> None:
    tx.execute("DELETE FROM healthcare_policies WHERE resource = ?", (resource,))
