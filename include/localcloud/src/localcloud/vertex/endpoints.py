"""Endpoints and the models deployed to them.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.errors import already_exists
from localcloud.longrunning import utc_now
from localcloud.state.database import Database
from localcloud.vertex.names import missing, precondition, split_version
from localcloud.vertex.traffic import NEW_MODEL, check_split

Json = dict[str, Any]

_STEPS = ("CREATE TABLE endpoints (name TEXT PRIMARY KEY, body TEXT NOT NULL)",)


class Endpoints:
    """Every endpoint. Changes happen in the transaction that is passed in."""

    def __init__(self, database: Database) -> None:
        database.migrate("vertex.endpoints", _STEPS)
        self._database = database

    def get(self, name: str) -> Json:
        """Return an endpoint, or raise 404."""
        rows = self._database.read("SELECT body FROM endpoints WHERE name = ?", (name,))
        if not rows:
            raise missing("Endpoint", name)
        return dict(json.loads(rows[0]["body"]))

    def of_location(self, parent: str) -> list[Json]:
        """Return the endpoints of a location."""
        start = f"{parent}/endpoints/"
        rows = self._database.read(
            "SELECT body FROM endpoints WHERE substr(name, 1, ?) = ? ORDER BY name",
            (len(start), start),
        )
        return [json.loads(row["body"]) for row in rows]

    def deployments(self, model: str) -> Iterator[tuple[str, Json]]:
        """Yield (endpoint, deployed model) for every deployment of any version of a model."""
        for row in self._database.read("SELECT name, body FROM endpoints ORDER BY name"):
            for deployed in json.loads(row["body"]).get("deployedModels", []):
                if split_version(deployed["model"])[0] == model:
                    yield row["name"], deployed

    def add(self, tx: sqlite3.Connection, name: str, endpoint: Mapping[str, Any]) -> Json:
        """Store a new endpoint, or raise 409."""
        if tx.execute("SELECT 1 FROM endpoints WHERE name = ?", (name,)).fetchone():
            raise already_exists(f"The Endpoint `{name}` already exists.")
        now = utc_now()
        stored = {**endpoint, "name": name, "createTime": now, "updateTime": now}
        self._write(tx, stored)
        return stored

    def update(self, tx: sqlite3.Connection, name: str, changes: Mapping[str, Any]) -> Json:
        """Set fields of an endpoint and return it; None removes a field."""
        endpoint = {**self._find(tx, name), **changes}
        if changes.get("trafficSplit"):
            split = check_split(changes["trafficSplit"], _ids(endpoint))
            endpoint["trafficSplit"] = split
        return self._write(tx, endpoint)

    def deploy(
        self, tx: sqlite3.Connection, name: str, deployed: Json, split: Mapping[str, int]
    ) -> Json:
        """Add a deployed model; a split that is given replaces the endpoint's.

        Raises
        ------
        GoogleError
            409 when the id is taken, 400 when the split is not valid.
        """
        endpoint = self._find(tx, name)
        check_deployment(endpoint, deployed["id"], split)
        stored = {**deployed, "createTime": utc_now()}
        endpoint["deployedModels"] = [*endpoint.get("deployedModels", []), stored]
        if split:
            named = {deployed["id"] if k == NEW_MODEL else k: v for k, v in split.items()}
            endpoint["trafficSplit"] = check_split(named, _ids(endpoint))
        self._write(tx, endpoint)
        return stored

    def undeploy(
        self, tx: sqlite3.Connection, name: str, model_id: str, split: Mapping[str, int]
    ) -> None:
        """Remove a deployed model that gets no traffic, or gets none by the split given.

        Raises
        ------
        GoogleError
            404 when it is not deployed here, 400 when it still gets traffic.
        """
        endpoint = self._find(tx, name)
        endpoint["deployedModels"], endpoint["trafficSplit"] = without(endpoint, model_id, split)
        self._write(tx, endpoint)

    def change_deployed(
        self, tx: sqlite3.Connection, name: str, model_id: str, changed: Json
    ) -> None:
        """Replace a deployed model, or raise 404."""
        endpoint = self._find(tx, name)
        find_deployed(endpoint, model_id)
        endpoint["deployedModels"] = [
            changed if d["id"] == model_id else d for d in endpoint["deployedModels"]
        ]
        self._write(tx, endpoint)

    def delete(self, tx: sqlite3.Connection, name: str) -> None:
        """Remove an endpoint without deployed models.

        Raises
        ------
        GoogleError
            404 when there is none, 400 when models are deployed to it.
        """
        check_empty(self._find(tx, name))
        tx.execute("DELETE FROM endpoints WHERE name = ?", (name,))

    def _find(self, tx: sqlite3.Connection, name: str) -> Json:
        row = tx.execute("SELECT body FROM endpoints WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise missing("Endpoint", name)
        return dict(json.loads(row["body"]))

    def _write(self, tx: sqlite3.Connection, endpoint: Json) -> Json:
        kept = {key: value for key, value in endpoint.items() if value not in (None, {}, [])}
        kept["updateTime"] = utc_now()
        tx.execute(
            "INSERT OR REPLACE INTO endpoints VALUES (?, ?)", (kept["name"], json.dumps(kept))
        )
        return kept


def find_deployed(endpoint: Mapping[str, Any], model_id: str) -> Json:
    """Return a deployed model by its id, or raise 404."""
    for deployed in endpoint.get("deployedModels", []):
        if deployed["id"] == model_id:
            return dict(deployed)
    raise missing("DeployedModel", f"{endpoint['name']}/deployedModels/{model_id}")


def check_deployment(endpoint: Mapping[str, Any], model_id: str, split: Mapping[str, Any]) -> None:
    """Refuse an id that is taken (409) and a split that is not valid (400)."""
    if model_id in _ids(endpoint):
        message = f"DeployedModel {model_id} already exists in Endpoint `{endpoint['name']}`."
        raise already_exists(message)
    check_split(split, {*_ids(endpoint), NEW_MODEL})


def without(
    endpoint: Mapping[str, Any], model_id: str, split: Mapping[str, int]
) -> tuple[list[Json], dict[str, int]]:
    """Return an endpoint's deployed models and traffic split once a model is undeployed.

    Raises
    ------
    GoogleError
        As ``Endpoints.undeploy``.
    """
    find_deployed(endpoint, model_id)
    left = [d for d in endpoint["deployedModels"] if d["id"] != model_id]
    if not left:
        return [], {}
    if split:
        return left, check_split(split, {d["id"] for d in left})
    if model_id in endpoint.get("trafficSplit", {}):
        raise precondition(
            f"DeployedModel {model_id} still gets traffic; give a trafficSplit without it."
        )
    return left, endpoint.get("trafficSplit", {})


def check_empty(endpoint: Mapping[str, Any]) -> None:
    """Refuse, with 400, to delete an endpoint that has deployed models."""
    if endpoint.get("deployedModels"):
        raise precondition(
            f"Endpoint `{endpoint['name']}` has deployed models; undeploy them first."
        )


def _ids(endpoint: Mapping[str, Any]) -> list[str]:
    return [deployed["id"] for deployed in endpoint.get("deployedModels", [])]
