"""The methods of a FHIR store that start operations, and its metrics.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.fhirStores
"""

from __future__ import annotations

from localcloud.errors import GoogleError
from localcloud.healthcare.fhir.bulk_delete import BulkDelete, version_config
from localcloud.healthcare.fhir.definitions import Json
from localcloud.healthcare.fhir.exports import Export, Filter, Folder, Selection, moment
from localcloud.healthcare.fhir.imports import STRUCTURES, Import
from localcloud.healthcare.fhir.rollback import Rollback, RollbackRequest
from localcloud.healthcare.fhir.stores import FhirStores
from localcloud.healthcare.fhir.temporal import LATEST
from localcloud.healthcare.object_names import ObjectPattern
from localcloud.healthcare.operations import Operations, Work
from localcloud.healthcare.resources import invalid, present
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.objects import CloudObjects

_STORES = "healthcare.projects.locations.datasets.fhirStores"
_SERVICE = "fhir.FhirService"


class FhirJobMethods:
    """import, export, bulkDelete, rollback and getFHIRStoreMetrics.

    What is wrong with a request is refused at once; what is wrong with a bucket ends the operation.
    """

    def __init__(self, stores: FhirStores, operations: Operations, objects: CloudObjects) -> None:
        self._stores = stores
        self._operations = operations
        self._objects = objects

    @serves(f"{_STORES}.import")
    def import_resources(self, call: Call) -> Reply:
        """Start an import."""
        settings = self._stores.settings(call.params["name"], call.base_url)
        body = call.json()
        uri = (body.get("gcsSource") or {}).get("uri", "")
        if not uri:
            raise invalid("gcs_source.uri is required")
        structure = body.get("contentStructure", "BUNDLE")
        structure = structure if structure in STRUCTURES else "BUNDLE"
        source = ObjectPattern.parse(uri)
        work = Import(settings, structure, source, self._objects, self._stores)
        return self._start(settings.name, "ImportResources", work.run)

    @serves(f"{_STORES}.export")
    def export_resources(self, call: Call) -> Reply:
        """Start an export to Cloud Storage; there is no BigQuery to export to."""
        settings = self._stores.settings(call.params["name"], call.base_url)
        body = call.json()
        gcs, bigquery = body.get("gcsDestination"), body.get("bigqueryDestination")
        if (gcs is None) == (bigquery is None):
            raise invalid("exactly one of gcs_destination and bigquery_destination is required")
        if gcs is None:
            message = "bigquery_destination is not served by the local cloud: use gcs_destination"
            raise GoogleError.of(501, message)
        chosen = Filter.parse(
            body.get("_type", ""), body.get("_since", ""), self._stores.definitions
        )
        folder = _folder(gcs)
        work = Export(Selection(settings.name, chosen, self._stores.query), folder, self._objects)
        return self._start(settings.name, "ExportResources", work.run)

    @serves(f"{_STORES}.bulkDelete")
    def bulk_delete(self, call: Call) -> Reply:
        """Start a bulk deletion; it is a dry run unless ``validateOnly`` is false."""
        settings = self._stores.settings(call.params["name"], call.base_url)
        body = call.json()
        gcs = body.get("gcsDestination")
        work = BulkDelete(
            settings,
            Filter.parse(body.get("type", ""), "", self._stores.definitions),
            moment("until", body["until"]) if body.get("until") else LATEST,
            version_config(body.get("versionConfig", "")),
            bool(body.get("validateOnly", True)),
            self._stores,
            self._objects,
            _folder(gcs) if gcs is not None else None,
        )
        return self._start(settings.name, "BulkDeleteResources", work.run)

    @serves(f"{_STORES}.rollback")
    def rollback(self, call: Call) -> Reply:
        """Start a rollback to a point in time."""
        settings = self._stores.settings(call.params["name"], call.base_url)
        request = RollbackRequest.parse(call.json(), self._stores.definitions)
        if not settings.versioning:
            raise GoogleError.of(501, "the local cloud rolls back by versions; this store has none")
        work = Rollback(settings, request, self._stores, self._objects)
        method = "fhir.FhirStoreService.RollbackFhirResources"
        return Reply.json(self._operations.start(settings.name, method, work.run))

    @serves(f"{_STORES}.getFHIRStoreMetrics")
    def metrics(self, call: Call) -> Reply:
        """Count resources and their bytes by type."""
        name = call.params["name"]
        self._stores.settings(name, call.base_url)
        rows = self._stores.query(
            "SELECT r.type, sum(NOT r.deleted) AS count,"
            " sum(CASE WHEN r.deleted THEN 0 ELSE length(CAST(r.body AS BLOB)) END) AS current,"
            " sum((SELECT coalesce(sum(length(CAST(v.body AS BLOB))), 0) FROM fhir_version v"
            " WHERE v.resource = r.key AND v.version <> r.version)) AS older"
            " FROM fhir_resource r WHERE r.store = ? AND r.replaced_at IS NULL"
            " GROUP BY r.type ORDER BY r.type",
            (name,),
        )
        metrics = [
            present(
                {
                    "resourceType": row["type"],
                    "count": str(row["count"]),
                    "structuredStorageSizeBytes": str(row["current"]),
                    "versionedStorageSizeBytes": str(row["older"]),
                }
            )
            for row in rows
        ]
        return Reply.json(present({"name": name, "metrics": metrics}))

    def _start(self, store: str, method: str, work: Work) -> Reply:
        return Reply.json(self._operations.start(store, f"{_SERVICE}.{method}", work))


def _folder(gcs_destination: Json) -> Folder:
    return Folder.parse(gcs_destination.get("uriPrefix") or "", "gcs_destination.uri_prefix")
