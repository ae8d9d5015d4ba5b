"""DICOM and FHIR stores as resources: one table of rules for both kinds, one set of methods.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores
and .../projects.locations.datasets.fhirStores
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.behaviour import BehaviourSwitch
from localcloud.errors import GoogleError
from localcloud.healthcare.resources import (
    Json,
    already_exists,
    check_labels,
    check_topic,
    forbidden,
    given,
    invalid,
    label_filter,
    merge_masked,
    not_found,
    page,
    present,
    required_id,
)
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.state.database import Database

_DATASETS = "healthcare.projects.locations.datasets"
_TABLES = (
    """
    CREATE TABLE healthcare_resources(
        name TEXT PRIMARY KEY, kind TEXT NOT NULL, parent TEXT NOT NULL, body TEXT NOT NULL
    );
    CREATE INDEX healthcare_resources_by_parent ON healthcare_resources(parent, kind);
    """,
)


@dataclass(frozen=True)
class StoreKind:
    """What tells the kinds of store apart when they are administered."""

    collection: str
    noun: str
    id_parameter: str
    mutable: frozenset[str]


_COMMON_FIELDS = frozenset({"labels", "notificationConfig", "notificationConfigs", "streamConfigs"})
DICOM = StoreKind("dicomStores", "DICOM store", "dicomStoreId", _COMMON_FIELDS)
FHIR = StoreKind(
    "fhirStores",
    "FHIR store",
    "fhirStoreId",
    _COMMON_FIELDS
    | {
        "bulkExportGcsDestination",
        "complexDataTypeReferenceParsing",
        "consentConfig",
        "defaultSearchHandlingStrict",
        "enableUpdateCreate",
        "validationConfig",
    },
)
KINDS = {kind.collection: kind for kind in (DICOM, FHIR)}

# Called inside the transaction that deletes a resource, with the resource's name.
ForgetContents = Callable[[sqlite3.Connection, str], None]


class Resources:
    """Datasets and stores by full resource name; a body is the resource as its get answers it."""

    def __init__(self, database: Database, behaviour: BehaviourSwitch) -> None:
        self._database = database
        self._behaviour = behaviour
        self._forget: defaultdict[str, list[ForgetContents]] = defaultdict(list)
        self._has_contents: dict[str, Callable[[str], bool]] = {}
        database.migrate("healthcare.resources", _TABLES)

    def on_ask(self, collection: str, has_contents: Callable[[str], bool]) -> None:
        """Register who knows whether a store of a collection, by name, holds anything."""
        self._has_contents[collection] = has_contents

    def on_delete(self, collection: str, forget: ForgetContents) -> None:
        """Register what else goes in the transaction that deletes a resource of a collection."""
        self._forget[collection].append(forget)

    def get(self, name: str) -> Json:
        """Return a resource.

        Raises
        ------
        GoogleError
            403 when there is none of that name, or 404 where the behaviour in force says so.
        """
        rows = self._database.read("SELECT body FROM healthcare_resources WHERE name = ?", (name,))
        if not rows:
            raise self._missing(name)
        return dict(json.loads(rows[0]["body"]))

    def exists(self, name: str) -> bool:
        return bool(
            self._database.read("SELECT 1 FROM healthcare_resources WHERE name = ?", (name,))
        )

    def has_contents(self, store: str) -> bool:
        """Return whether anything is in a store, as far as those who keep it have told how to."""
        has_contents = self._has_contents.get(_collection(store))
        return has_contents is not None and has_contents(store)

    def _missing(self, name: str) -> GoogleError:
        noun = _noun(name)
        if self._behaviour.current.forbid_missing == "nothing":
            return not_found(noun, name)
        return forbidden(f"healthcare.{_collection(name)}.get", name)

    def children(self, parent: str, collection: str) -> list[Json]:
        rows = self._database.read(
            "SELECT body FROM healthcare_resources WHERE parent = ? AND kind = ? ORDER BY name",
            (parent, collection),
        )
        return [json.loads(row["body"]) for row in rows]

    def create(self, parent: str, collection: str, body: Json) -> Json:
        """Insert a resource.

        Raises
        ------
        GoogleError
            409 when the name is taken.
        """
        with self._database.write() as tx:
            try:
                tx.execute(
                    "INSERT INTO healthcare_resources VALUES(?, ?, ?, ?)",
                    (body["name"], collection, parent, json.dumps(body)),
                )
            except sqlite3.IntegrityError as error:
                raise already_exists(_noun(body["name"]), body["name"]) from error
        return body

    def change(self, name: str, edit: Callable[[Json], Json]) -> Json:
        """Replace a resource by what `edit` makes of it, as one transaction."""
        with self._database.write() as tx:
            body = {**edit(self.get(name)), "name": name}
            tx.execute(
                "UPDATE healthcare_resources SET body = ? WHERE name = ?", (json.dumps(body), name)
            )
        return body

    def delete(self, name: str) -> None:
        """Delete a store, or a dataset with all its stores, contents included."""
        self.get(name)
        with self._database.write() as tx:
            rows = tx.execute(
                "SELECT name, kind FROM healthcare_resources WHERE name = ? OR parent = ?",
                (name, name),
            ).fetchall()
            for row in rows:
                for forget in self._forget[row["kind"]]:
                    forget(tx, row["name"])
                tx.execute("DELETE FROM healthcare_resources WHERE name = ?", (row["name"],))


class StoreMethods:
    """create, get, list, patch and delete of both kinds of store."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @serves(f"{_DATASETS}.dicomStores.create", f"{_DATASETS}.fhirStores.create")
    def create(self, call: Call) -> Reply:
        kind = DICOM if call.method_id.endswith("dicomStores.create") else FHIR
        parent = call.params["parent"]
        self._resources.get(parent)
        store_id = required_id(call, kind.id_parameter)
        body = {**given(call.json()), "name": f"{parent}/{kind.collection}/{store_id}"}
        _check_store(kind, body)
        return Reply.json(self._resources.create(parent, kind.collection, body))

    @serves(f"{_DATASETS}.dicomStores.get", f"{_DATASETS}.fhirStores.get")
    def get(self, call: Call) -> Reply:
        return Reply.json(self._resources.get(call.params["name"]))

    @serves(f"{_DATASETS}.dicomStores.list", f"{_DATASETS}.fhirStores.list")
    def list(self, call: Call) -> Reply:
        collection = call.method_id.split(".")[-2]
        parent = call.params["parent"]
        self._resources.get(parent)
        matches = label_filter(call.query.get("filter") or "")
        stores = {
            store["name"]: store
            for store in self._resources.children(parent, collection)
            if matches(store)
        }
        names, token = page(call, list(stores))
        body = {collection: [stores[name] for name in names], "nextPageToken": token}
        return Reply.json(present(body))

    @serves(f"{_DATASETS}.dicomStores.patch", f"{_DATASETS}.fhirStores.patch")
    def patch(self, call: Call) -> Reply:
        kind = KINDS[call.method_id.split(".")[-2]]

        def edit(current: Json) -> Json:
            merged = merge_masked(call, current, given(call.json()), kind.mutable)
            _check_store(kind, merged)
            return merged

        return Reply.json(self._resources.change(call.params["name"], edit))

    @serves(f"{_DATASETS}.dicomStores.delete", f"{_DATASETS}.fhirStores.delete")
    def delete(self, call: Call) -> Reply:
        self._resources.delete(call.params["name"])
        return Reply.json({})


def _check_store(kind: StoreKind, body: Json) -> None:
    check_labels(body.get("labels", {}))
    for config in body.get("notificationConfigs", []):
        check_topic(config.get("pubsubTopic", ""))
    legacy_topic = body.get("notificationConfig", {}).get("pubsubTopic")
    if legacy_topic:
        check_topic(legacy_topic)
    if kind is DICOM and body.get("streamConfigs"):
        message = "stream_configs is not served: the local cloud has no BigQuery to stream to"
        raise GoogleError.of(501, message)
    if kind is FHIR and body.get("version", "VERSION_UNSPECIFIED") == "VERSION_UNSPECIFIED":
        raise invalid("version is required: set it to R4, STU3, DSTU2 or R5")


def _collection(name: str) -> str:
    parts = name.split("/")
    return parts[6] if len(parts) > 6 else "datasets"


def _noun(name: str) -> str:
    parts = name.split("/")
    return KINDS[parts[6]].noun if len(parts) > 6 and parts[6] in KINDS else "dataset"
