"""The methods of a DICOM store that start operations.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores
"""

from __future__ import annotations

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.exporter import Destination, Export
from localcloud.healthcare.dicom.importer import Import
from localcloud.healthcare.dicom.index import Scope
from localcloud.healthcare.dicom.resource_paths import Selection, resource_uids
from localcloud.healthcare.dicom.storage_classes import STANDARD, requested_class
from localcloud.healthcare.dicom.storage_settings import StorageClassChange
from localcloud.healthcare.dicom.workshop import Workshop
from localcloud.healthcare.object_names import ObjectPattern
from localcloud.healthcare.resources import given, invalid, not_found
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

_STORES = "healthcare.projects.locations.datasets.dicomStores"
_SERVICE = "dicom.DicomService"


class DicomJobMethods:
    """Import, export and change of storage class.

    What is wrong with a request is refused at once; what is wrong with a bucket ends the operation.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop

    @serves(f"{_STORES}.import")
    def import_instances(self, call: Call) -> Reply:
        """Start an import."""
        shop, store, body = self._shop, call.params["name"], given(call.json())
        shop.resources.get(store)
        uri = body.get("gcsSource", {}).get("uri", "")
        if not uri:
            raise invalid("gcs_source.uri is required")
        storage_class = requested_class(body.get("blobStorageSettings"), STANDARD)
        pattern = ObjectPattern.parse(uri)
        work = Import(store, pattern, storage_class, shop.objects, shop.ingest)
        return Reply.json(shop.operations.start(store, f"{_SERVICE}.ImportDicomData", work.run))

    @serves(f"{_STORES}.export")
    def export_instances(self, call: Call) -> Reply:
        """Start an export to Cloud Storage; there is no BigQuery to export to."""
        shop, store, body = self._shop, call.params["name"], given(call.json())
        shop.resources.get(store)
        gcs, bigquery = body.get("gcsDestination"), body.get("bigqueryDestination")
        if (gcs is None) == (bigquery is None):
            raise invalid("exactly one of gcs_destination and bigquery_destination is required")
        if gcs is None:
            message = "bigquery_destination is not served by the local cloud: use gcs_destination"
            raise GoogleError.of(501, message)
        destination = Destination.parse(gcs)
        work = Export(store, destination, shop.index, shop.blobs, shop.objects)
        return Reply.json(shop.operations.start(store, f"{_SERVICE}.ExportDicomData", work.run))

    @serves(
        f"{_STORES}.setBlobStorageSettings",
        f"{_STORES}.dicomWeb.studies.setBlobStorageSettings",
    )
    def set_storage_class(self, call: Call) -> Reply:
        """Start moving a store, a study, series or instance, or a list of them."""
        shop, body = self._shop, given(call.json())
        store, _, path = call.params["resource"].partition("/dicomWeb/")
        shop.resources.get(store)
        uids = resource_uids(path.rstrip("/")) if path else ()
        selection = Selection.of(Scope(store, uids), body.get("filterConfig"))
        if uids and not shop.index.metrics(selection.scope)["instances"]:
            raise not_found("resource", call.params["resource"])
        work = StorageClassChange(
            selection,
            requested_class(body.get("blobStorageSettings")),
            shop.index,
            shop.classes,
            shop.notifications,
            shop.objects,
        )
        method = f"{_SERVICE}.SetBlobStorageSettings"
        return Reply.json(shop.operations.start(store, method, work.run))
