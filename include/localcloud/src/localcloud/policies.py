"""IAM policies of resources: kept and returned here, enforced by whoever reads them.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/Policy
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from typing import Any

from localcloud.errors import GoogleError
from localcloud.state.database import Database

_STEPS = ("CREATE TABLE policies (resource TEXT PRIMARY KEY, policy TEXT NOT NULL)",)


class Policies:
    """The policies of one service, by resource name, in its database's table ``policies``."""

    def __init__(self, database: Database) -> None:
        database.migrate("policies", _STEPS)
        self._database = database

    def get(self, resource: str) -> dict[str, Any]:
        """Return a policy with its etag; a resource that never had one has an empty one."""
        rows = self._database.read("SELECT policy FROM policies WHERE resource = ?", (resource,))
        text = rows[0]["policy"] if rows else "{}"
        digest = hashlib.sha256(text.encode()).digest()[:8]
        return {**json.loads(text), "etag": base64.b64encode(digest).decode()}

    def set(self, resource: str, policy: dict[str, Any]) -> dict[str, Any]:
        """Replace a policy and return it.

        Raises
        ------
        GoogleError
            409 ABORTED when the policy carries the etag of an older one.
        """
        kept = {key: value for key, value in policy.items() if key != "etag"}
        with self._database.write() as tx:
            etag = policy.get("etag")
            if etag and etag != self.get(resource)["etag"]:
                raise GoogleError(
                    409,
                    "ABORTED",
                    f"The policy of {resource} was changed meanwhile: read it again and repeat.",
                )
            tx.execute(
                "INSERT OR REPLACE INTO policies VALUES (?, ?)", (resource, json.dumps(kept))
            )
        return self.get(resource)


def forget(tx: sqlite3.Connection, resource: str) -> None:
    """Remove the policy of a resource that is being deleted."""
    tx.execute("DELETE FROM policies WHERE resource = ?", (resource,))
