"""Connections, pools and variables: read from airflow_settings.yaml, written through the API.

The file has the format of Astronomer's CLI, whose own local Airflow loads it as well.
Source: https://www.astronomer.io/docs/astro/cli/develop-project#configure-airflow_settingsyaml-local-development-only
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from stack.airflow_api import AirflowApi
from stack.errors import StackError

_CONNECTION_FIELDS = {
    "conn_id": "connection_id",
    "conn_type": "conn_type",
    "conn_host": "host",
    "conn_schema": "schema",
    "conn_login": "login",
    "conn_password": "password",
    "conn_port": "port",
    "conn_extra": "extra",
}
_POOL_FIELDS = {"pool_name": "name", "pool_slot": "slots", "pool_description": "description"}
_VARIABLE_FIELDS = {"variable_name": "key", "variable_value": "value"}

Entity = Mapping[str, Any]


@dataclass(frozen=True)
class AirflowSettings:
    """The file's content as the REST API's entities."""

    connections: tuple[Entity, ...]
    pools: tuple[Entity, ...]
    variables: tuple[Entity, ...]

    def with_endpoints(self, endpoints: Mapping[str, str]) -> AirflowSettings:
        """Point the connections that name endpoints at other base URLs; the rest stays."""
        return replace(
            self, connections=tuple(_redirected(row, endpoints) for row in self.connections)
        )

    def apply(self, api: AirflowApi) -> None:
        """Create or overwrite everything in Airflow's database."""
        api.upsert("connections", [_with_text_extra(row) for row in self.connections])
        api.upsert("pools", self.pools)
        api.upsert("variables", self.variables)


def read_settings(path: Path) -> AirflowSettings:
    """Read the file, refusing what Airflow would drop in silence.

    Raises
    ------
    StackError
        ``settings-invalid``: names the section and row that cannot be used.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))["airflow"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise StackError("settings-invalid", f"{path.name} cannot be read: {error!r}") from None
    return AirflowSettings(
        connections=_rows(content, "connections", _CONNECTION_FIELDS, ("conn_id", "conn_type")),
        pools=_rows(content, "pools", _POOL_FIELDS, ("pool_name", "pool_slot")),
        variables=_rows(
            content, "variables", _VARIABLE_FIELDS, ("variable_name", "variable_value")
        ),
    )


def _rows(
    content: Mapping[str, Any], section: str, names: Mapping[str, str], required: tuple[str, ...]
) -> tuple[Entity, ...]:
    entities = []
    for number, row in enumerate(content.get(section) or (), start=1):
        where = f"airflow_settings.yaml, {section}, row {number}"
        if unknown := sorted(set(row) - set(names)):
            raise StackError("settings-invalid", f"{where}: unknown field {unknown[0]}")
        if missing := [name for name in required if row.get(name) in (None, "")]:
            raise StackError("settings-invalid", f"{where}: {missing[0]} is empty")
        # Astronomer's template lists every field; an empty one means "not set".
        entities.append({names[key]: row[key] for key in row if row[key] not in (None, "")})
    return tuple(entities)


def _redirected(connection: Entity, endpoints: Mapping[str, str]) -> Entity:
    extra = connection.get("extra")
    if not isinstance(extra, Mapping) or "endpoints" not in extra:
        return connection
    moved = {name: endpoints.get(name, url) for name, url in extra["endpoints"].items()}
    return {**connection, "extra": {**extra, "endpoints": moved}}


def _with_text_extra(connection: Entity) -> Entity:
    extra = connection.get("extra")
    return {**connection, "extra": json.dumps(extra)} if isinstance(extra, Mapping) else connection
