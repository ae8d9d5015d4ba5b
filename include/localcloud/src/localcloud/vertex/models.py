"""The model registry: models, their versions and the aliases of these.

Source: https://cloud.google.com/vertex-ai/docs/model-registry/versioning and
https://cloud.google.com/vertex-ai/docs/model-registry/model-alias
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.errors import already_exists
from localcloud.longrunning import utc_now
from localcloud.policies import forget
from localcloud.state.database import Database
from localcloud.vertex.names import (
    ALIAS,
    DEFAULT_ALIAS,
    missing,
    precondition,
    split_version,
    wrong_field,
)

Json = dict[str, Any]

_STEPS = (
    """
    CREATE TABLE models (name TEXT PRIMARY KEY, newest INTEGER NOT NULL);
    CREATE TABLE model_versions (
      model TEXT NOT NULL REFERENCES models (name) ON DELETE CASCADE,
      number INTEGER NOT NULL,
      body TEXT NOT NULL,
      PRIMARY KEY (model, number)
    )
    """,
)
_ALIAS_HINT = "An alias is [a-z][a-z0-9-]{0,126}[a-z0-9]."


class Models:
    """Every version of every model. Changes happen in the transaction that is passed in."""

    def __init__(self, database: Database) -> None:
        database.migrate("vertex.models", _STEPS)
        self._database = database

    def get(self, name: str) -> Json:
        """Return a version by ``models/M``, ``models/M@2`` or ``models/M@alias``, or raise 404."""
        model, wanted = split_version(name)
        for version in self.versions(model):
            if wanted == version["versionId"] or wanted in version["versionAliases"]:
                return version
        raise missing("Model", name)

    def versions(self, model: str) -> list[Json]:
        """Return every version of a model, oldest first; none when there is no such model."""
        rows = self._database.read(
            "SELECT body FROM model_versions WHERE model = ? ORDER BY number", (model,)
        )
        return [json.loads(row["body"]) for row in rows]

    def defaults(self, parent: str) -> list[Json]:
        """Return the default version of every model of a location."""
        start = f"{parent}/models/"
        rows = self._database.read(
            "SELECT body FROM model_versions WHERE substr(model, 1, ?) = ? ORDER BY model, number",
            (len(start), start),
        )
        versions = (json.loads(row["body"]) for row in rows)
        return [version for version in versions if DEFAULT_ALIAS in version["versionAliases"]]

    def add(self, tx: sqlite3.Connection, name: str, model: Mapping[str, Any], new: bool) -> Json:
        """Store the next version of a model; the first one is the default.

        Raises
        ------
        GoogleError
            404 when a further version has no model, 409 when a new model has one already.
        """
        row = tx.execute("SELECT newest FROM models WHERE name = ?", (name,)).fetchone()
        if new and row is not None:
            raise already_exists(f"The Model `{name}` already exists.")
        if not new and row is None:
            raise missing("Model", name)
        number = row["newest"] + 1 if row else 1
        tx.execute(
            "INSERT INTO models VALUES (?, ?) ON CONFLICT DO UPDATE SET newest = excluded.newest",
            (name, number),
        )
        now = utc_now()
        first = self._rows(tx, name)[0][1]["createTime"] if row else now
        aliases = list(model.get("versionAliases", []))
        if row is None and DEFAULT_ALIAS not in aliases:
            aliases.append(DEFAULT_ALIAS)
        version = {
            **model,
            "name": name,
            "versionId": str(number),
            "versionAliases": [],
            "createTime": first,
            "updateTime": now,
            "versionCreateTime": now,
            "versionUpdateTime": now,
            "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"],
        }
        self._write(tx, name, number, version)
        return self.merge_aliases(tx, f"{name}@{number}", aliases)

    def update(self, tx: sqlite3.Connection, name: str, changes: Mapping[str, Any]) -> Json:
        """Set fields of a version and return it; None removes a field."""
        model, number, version = self._find(tx, name)
        version |= changes
        version["updateTime"] = version["versionUpdateTime"] = utc_now()
        kept = {key: value for key, value in version.items() if value is not None}
        self._write(tx, model, number, kept)
        return kept

    def merge_aliases(self, tx: sqlite3.Connection, name: str, changes: Iterable[str]) -> Json:
        """Give aliases to a version, taking each from the one that had it; ``-alias`` removes one.

        Raises
        ------
        GoogleError
            400 for a bad alias, and where no version would be the default.
        """
        model, number, _ = self._find(tx, name)
        changes = list(changes)
        check_aliases(changes)
        added = {change for change in changes if not change.startswith("-")}
        removed = {change[1:] for change in changes if change.startswith("-")}
        for other, version in self._rows(tx, model):
            aliases = version["versionAliases"]
            mine = [
                alias for alias in aliases if alias not in (removed if other == number else added)
            ]
            if other == number:
                mine += sorted(added - set(mine))
                if DEFAULT_ALIAS in aliases and DEFAULT_ALIAS not in mine:
                    raise precondition(f"{name} is the default; make another version the default.")
            if mine != aliases:
                version["versionAliases"] = mine
                self._write(tx, model, other, version)
        return self._find(tx, f"{model}@{number}")[2]

    def delete(self, tx: sqlite3.Connection, model: str) -> None:
        """Remove a model with all its versions, or raise 404."""
        if tx.execute("DELETE FROM models WHERE name = ?", (model,)).rowcount == 0:
            raise missing("Model", model)
        forget(tx, model)

    def delete_version(self, tx: sqlite3.Connection, name: str) -> None:
        """Remove a version; the newest of the others becomes the default if it was that.

        Raises
        ------
        GoogleError
            404 when there is none, 400 when it is the only one.
        """
        model, number, version = self._find(tx, name)
        others = [other for other, _ in self._rows(tx, model) if other != number]
        if not others:
            raise precondition(f"{name} is the only version of its Model; delete the Model.")
        tx.execute("DELETE FROM model_versions WHERE model = ? AND number = ?", (model, number))
        if DEFAULT_ALIAS in version["versionAliases"]:
            self.merge_aliases(tx, f"{model}@{max(others)}", [DEFAULT_ALIAS])

    def _find(self, tx: sqlite3.Connection, name: str) -> tuple[str, int, Json]:
        model, wanted = split_version(name)
        for number, version in self._rows(tx, model):
            # A version that is being added has no alias yet.
            if wanted == str(number) or wanted in version["versionAliases"]:
                return model, number, version
        raise missing("Model", name)

    def _rows(self, tx: sqlite3.Connection, model: str) -> list[tuple[int, Json]]:
        rows = tx.execute(
            "SELECT number, body FROM model_versions WHERE model = ? ORDER BY number", (model,)
        )
        return [(row["number"], json.loads(row["body"])) for row in rows]

    def _write(self, tx: sqlite3.Connection, model: str, number: int, version: Json) -> None:
        tx.execute(
            "INSERT OR REPLACE INTO model_versions VALUES (?, ?, ?)",
            (model, number, json.dumps(version)),
        )


def check_aliases(aliases: Iterable[str]) -> None:
    """Refuse an alias that could be mistaken for a version id, with 400; ``-`` may precede it."""
    for alias in aliases:
        if not ALIAS.fullmatch(alias.removeprefix("-")):
            raise wrong_field("version_aliases", f"Invalid alias {alias!r}. {_ALIAS_HINT}")
