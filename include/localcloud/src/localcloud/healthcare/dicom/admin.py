"""What a DICOM store offers beside DICOMweb: import and metrics."""

from __future__ import annotations

from localcloud.healthcare.dicom.importer import Import, ObjectPattern
from localcloud.healthcare.dicom.index import Index, Scope
from localcloud.healthcare.dicom.ingest import Ingest
from localcloud.healthcare.dicom.objects import CloudObjects
from localcloud.healthcare.operations import Operations
from localcloud.healthcare.resources import Json, invalid, not_found, present
from localcloud.healthcare.stores import Resources
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

_STORES = "healthcare.projects.locations.datasets.dicomStores"
_STUDIES = f"{_STORES}.dicomWeb.studies"


class DicomAdminMethods:
    """dicomStores.import, getDICOMStoreMetrics, getStudyMetrics and their like."""

    def __init__(
        self,
        index: Index,
        ingest: Ingest,
        objects: CloudObjects,
        resources: Resources,
        operations: Operations,
    ) -> None:
        self._index = index
        self._ingest = ingest
        self._objects = objects
        self._resources = resources
        self._operations = operations

    @serves(f"{_STORES}.import")
    def import_instances(self, call: Call) -> Reply:
        """Start an import; a wrong URI is refused at once, a wrong bucket by the operation."""
        store = call.params["name"]
        self._resources.get(store)
        uri = call.json().get("gcsSource", {}).get("uri", "")
        if not uri:
            raise invalid("gcs_source.uri is required")
        work = Import(store, ObjectPattern.parse(uri), self._objects, self._ingest)
        api_method = "dicom.DicomService.ImportDicomData"
        return Reply.json(self._operations.start(store, api_method, work.run))

    @serves(f"{_STORES}.getDICOMStoreMetrics")
    def store_metrics(self, call: Call) -> Reply:
        store = call.params["name"]
        self._resources.get(store)
        counts = self._index.metrics(Scope(store))
        body = {"name": store, "studyCount": str(counts["studies"])}
        series = {"seriesCount": str(counts["series"])}
        return Reply.json(present({**body, **series, **_sizes(counts)}))

    @serves(f"{_STUDIES}.getStudyMetrics")
    def study_metrics(self, call: Call) -> Reply:
        study = call.params["study"]
        counts = self._counts(study)
        return Reply.json({"study": study, "seriesCount": str(counts["series"]), **_sizes(counts)})

    @serves(f"{_STUDIES}.series.getSeriesMetrics")
    def series_metrics(self, call: Call) -> Reply:
        series = call.params["series"]
        return Reply.json({"series": series, **_sizes(self._counts(series))})

    @serves(f"{_STUDIES}.series.instances.getStorageInfo")
    def storage_info(self, call: Call) -> Reply:
        resource = call.params["resource"]
        counts = self._counts(resource)
        return Reply.json(
            {
                "referencedResource": resource,
                "blobStorageInfo": {
                    "sizeBytes": str(counts["blob_bytes"]),
                    "storageClass": "STANDARD",
                },
                "structuredStorageInfo": {"sizeBytes": str(counts["header_bytes"])},
            }
        )

    def _counts(self, resource: str) -> dict[str, int]:
        store, _, path = resource.partition("/dicomWeb/")
        self._resources.get(store)
        counts = self._index.metrics(Scope(store, tuple(path.split("/")[1::2])))
        if not counts["instances"]:
            raise not_found("resource", resource)
        return counts


def _sizes(counts: dict[str, int]) -> Json:
    return {
        "instanceCount": str(counts["instances"]),
        "blobStorageSizeBytes": str(counts["blob_bytes"]),
        "structuredStorageSizeBytes": str(counts["header_bytes"]),
    }
