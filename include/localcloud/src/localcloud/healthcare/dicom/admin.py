"""What a DICOM store, a study, a series or an instance takes up.

Source: https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores
"""

from __future__ import annotations

from localcloud.healthcare.dicom.index import Index, Scope
from localcloud.healthcare.dicom.storage_classes import StorageClasses
from localcloud.healthcare.resources import Json, not_found, present
from localcloud.healthcare.stores import Resources
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves

_STORES = "healthcare.projects.locations.datasets.dicomStores"
_STUDIES = f"{_STORES}.dicomWeb.studies"


class DicomAdminMethods:
    """getDICOMStoreMetrics, getStudyMetrics, getSeriesMetrics and getStorageInfo."""

    def __init__(self, index: Index, classes: StorageClasses, resources: Resources) -> None:
        self._index = index
        self._classes = classes
        self._resources = resources

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
        (instance,) = self._index.instances(_scope(resource))
        storage_class, since = self._classes.of(instance)
        return Reply.json(
            {
                "referencedResource": resource,
                "blobStorageInfo": {
                    "sizeBytes": str(counts["blob_bytes"]),
                    "storageClass": storage_class,
                    "storageClassUpdateTime": since,
                },
                "structuredStorageInfo": {"sizeBytes": str(counts["header_bytes"])},
            }
        )

    def _counts(self, resource: str) -> dict[str, int]:
        scope = _scope(resource)
        self._resources.get(scope.store)
        counts = self._index.metrics(scope)
        if not counts["instances"]:
            raise not_found("resource", resource)
        return counts


def _sizes(counts: dict[str, int]) -> Json:
    return {
        "instanceCount": str(counts["instances"]),
        "blobStorageSizeBytes": str(counts["blob_bytes"]),
        "structuredStorageSizeBytes": str(counts["header_bytes"]),
    }


def _scope(resource: str) -> Scope:
    store, _, path = resource.partition("/dicomWeb/")
    return Scope(store, tuple(path.split("/")[1::2]))
