"""The bulk data operation ``$export``, of a store or of a group, and its status.

Source: fhir.bulk-export, bulk-export-group and fhirStores.operations of healthcare.v1 and
https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.everything import Everything
from localcloud.healthcare.fhir.exports import (
    NDJSON,
    Export,
    Filter,
    Folder,
    NdjsonFile,
    Selection,
)
from localcloud.healthcare.fhir.methods import FHIR, current
from localcloud.healthcare.fhir.outcomes import FhirError, invalid_query, not_found, not_supported
from localcloud.healthcare.fhir.records import dumps
from localcloud.healthcare.fhir.references import parse_local
from localcloud.healthcare.fhir.settings import StoreSettings
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.temporal import instant
from localcloud.healthcare.fhir.wire import FHIR_JSON, FhirPath, answers_outcomes
from localcloud.healthcare.operations import CANCELLED, EMPTY, Operations, Progress, Work
from localcloud.healthcare.resources import dataset_of
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.objects import CloudObjects

_STORES = "healthcare.projects.locations.datasets.fhirStores"
_FORMATS = frozenset({"", "ndjson", NDJSON, "application/ndjson"})
_API_METHOD = "fhir.FhirService.BulkExport"
_FILE_NAME = "{operation}_{{type}}.ndjson"


@dataclass(frozen=True)
class _Request:
    """What the two forms of ``$export`` have in common."""

    settings: StoreSettings
    folder: Folder
    chosen: Filter
    url: str


@dataclass(frozen=True)
class GroupExport:
    """Everything about each patient of a group, in one file organized by patient.

    Each patient begins with a Parameters resource that names it, as the implementation guide
    organizes output by instances.
    """

    request: _Request
    group: Json
    stores: FhirStores
    objects: CloudObjects

    def write(self, progress: Progress, name: str) -> Sequence[tuple[str, str]]:
        """Do the work; returns the type and the name of the file, if there was anything."""
        settings, chosen = self.request.settings, self.request.chosen
        everything = Everything(settings, self.stores.definitions, self.stores.query)
        since = instant(chosen.since + 1) if chosen.since >= 0 else ""
        file = NdjsonFile()
        file.add(dumps(self.group))
        for member in self.group.get("member") or []:
            local = parse_local((member.get("entity") or {}).get("reference") or "", settings.base)
            if local is None or local.type != "Patient":
                continue
            options = {"_type": ",".join(chosen.types), "_since": since}
            file.add(_header(local.name))
            for key in everything.keys(local.id, options):
                rows = self.stores.query("SELECT body FROM fhir_resource WHERE key = ?", (key,))
                for row in rows:
                    file.add(row["body"])
                    progress.success += 1
            progress.checkpoint()
        written = file.write(self.objects, self.request.folder, name)
        return [("Patient", name)] if written else []


class BulkExportMethods:
    """``$export`` of a store and of a group, its status, and its end."""

    def __init__(self, stores: FhirStores, operations: Operations, objects: CloudObjects) -> None:
        self._stores = stores
        self._operations = operations
        self._objects = objects

    @serves(f"{FHIR}.bulk-export", open_query=True)
    @answers_outcomes
    def export_store(self, call: Call) -> Reply:
        request = self._request(call, call.params["name"])
        selection = Selection(request.settings.name, request.chosen, self._stores.query)

        def work(progress: Progress) -> Json:
            file_name = _FILE_NAME.format(operation=_id_of(progress.name))
            export = Export(selection, request.folder, self._objects, file_name)
            return self._finish(progress, request, export.write(progress))

        return self._start(request, work)

    @serves(f"{_STORES}.bulk-export-group", open_query=True)
    @answers_outcomes
    def export_group(self, call: Call) -> Reply:
        path = FhirPath.parse(call.params["name"])
        request = self._request(call, path.store)
        if call.query.get("organizeOutputBy") != "Patient":
            raise invalid_query("organizeOutputBy is required and must be Patient")
        group = current(self._stores, request.settings, path).resource
        export = GroupExport(request, group, self._stores, self._objects)

        def work(progress: Progress) -> Json:
            name = _FILE_NAME.format(operation=_id_of(progress.name)).format(type="Patient")
            return self._finish(progress, request, export.write(progress, name))

        return self._start(request, work)

    @serves(f"{_STORES}.operations.get-fhir-operation-status")
    @answers_outcomes
    def status(self, call: Call) -> Reply:
        operation, manifest = self._operation(call)
        if not operation.get("done"):
            return Reply(202, headers={"X-Progress": "in progress"})
        error = operation.get("error")
        if error and error["code"] == CANCELLED:
            raise not_found(call.params["name"])
        if error:
            raise FhirError(500, "exception", "export_failed", error["message"])
        return Reply.json(json.loads(manifest))

    @serves(f"{_STORES}.operations.delete-fhir-operation")
    @answers_outcomes
    def delete(self, call: Call) -> Reply:
        operation, _ = self._operation(call)
        if operation.get("done"):
            raise not_found(f"{call.params['name']}, of which nothing runs,")
        self._operations.cancel(operation["name"])
        return Reply(202)

    def _request(self, call: Call, store: str) -> _Request:
        settings = self._stores.settings(store, call.base_url)
        if "respond-async" not in call.headers.get("prefer", ""):
            raise not_supported("only asynchronous exports are served: send Prefer: respond-async")
        given = call.query.get("_outputFormat") or call.query.get("outputFormat") or ""
        if given.replace(" ", "+") not in _FORMATS:
            raise not_supported(f"outputFormat must be {NDJSON}")
        if not settings.bulk_export_uri:
            raise not_supported("the FHIR store has no bulkExportGcsDestination: set it first")
        folder = Folder.parse(settings.bulk_export_uri, "bulk_export_gcs_destination.uri_prefix")
        query = call.query
        chosen = Filter.parse(
            query.get("_type") or "", query.get("_since") or "", self._stores.definitions
        )
        return _Request(settings, folder, chosen, f"{call.base_url}{call.path}")

    def _start(self, request: _Request, work: Work) -> Reply:
        store = request.settings.name
        name = self._operations.start(store, _API_METHOD, work)["name"]
        self._stores.change(
            lambda tx: tx.execute(
                "INSERT OR IGNORE INTO fhir_bulk_export VALUES (?, ?, '')", (name, store)
            )
        )
        address = request.settings.base.removesuffix("/fhir")
        headers = {"Content-Location": f"{address}/operations/{_id_of(name)}"}
        return Reply(202, content_type=FHIR_JSON, headers=headers)

    def _finish(
        self, progress: Progress, request: _Request, written: Sequence[tuple[str, str]]
    ) -> Json:
        operation = self._operations.get(progress.name)
        manifest = {
            "transactionTime": operation["metadata"]["createTime"],
            "request": request.url,
            "requiresAccessToken": True,
            "output": [
                {"type": resource_type, "url": request.folder.uri(name)}
                for resource_type, name in written
            ],
            "error": [],
        }
        self._stores.change(
            lambda tx: tx.execute(
                "INSERT OR REPLACE INTO fhir_bulk_export VALUES (?, ?, ?)",
                (progress.name, request.settings.name, dumps(manifest)),
            )
        )
        return EMPTY

    def _operation(self, call: Call) -> tuple[Json, str]:
        store, _, identifier = call.params["name"].rpartition("/operations/")
        self._stores.settings(store, call.base_url)
        name = f"{dataset_of(store)}/operations/{identifier}"
        rows = self._stores.query(
            "SELECT manifest FROM fhir_bulk_export WHERE operation = ? AND store = ?", (name, store)
        )
        if not rows:
            raise not_found(call.params["name"])
        try:
            return self._operations.get(name), rows[0]["manifest"]
        except GoogleError as error:
            raise not_found(call.params["name"]) from error


def _id_of(operation: str) -> str:
    return operation.rpartition("/")[2]


def _header(patient: str) -> str:
    parameter = {"name": "header", "valueReference": {"reference": patient}}
    return dumps({"resourceType": "Parameters", "parameter": [parameter]})
