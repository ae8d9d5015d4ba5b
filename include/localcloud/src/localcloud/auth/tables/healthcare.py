"""The Cloud Healthcare API.

Source: https://docs.cloud.google.com/healthcare-api/docs/access-control#permissions
"""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.auth.needs import NOTHING, Need, Needs, Table, need

_LOCATIONS = "healthcare.projects.locations"
_DATASETS = f"{_LOCATIONS}.datasets"
_DICOM = f"{_DATASETS}.dicomStores"
_FHIR = f"{_DATASETS}.fhirStores"
_NAME, _PARENT, _RESOURCE = "{name}", "{parent}", "{resource}"
_READ = "healthcare.dicomStores.dicomWebRead"
_SEARCH = Need("healthcare.fhirStores.searchResources", _PARENT)


def _administration(prefix: str, kind: str) -> dict[str, Needs]:
    return {
        f"{prefix}.create": need(f"healthcare.{kind}.create", _PARENT),
        f"{prefix}.list": need(f"healthcare.{kind}.list", _PARENT),
        f"{prefix}.get": need(f"healthcare.{kind}.get", _NAME),
        f"{prefix}.patch": need(f"healthcare.{kind}.update", _NAME),
        f"{prefix}.delete": need(f"healthcare.{kind}.delete", _NAME),
        f"{prefix}.getIamPolicy": need(f"healthcare.{kind}.getIamPolicy", _RESOURCE),
        f"{prefix}.setIamPolicy": need(f"healthcare.{kind}.setIamPolicy", _RESOURCE),
        f"{prefix}.testIamPermissions": NOTHING,
    }


def _each(prefix: str, rows: Mapping[str, str], resource: str) -> dict[str, Needs]:
    return {f"{prefix}.{method}": need(permission, resource) for method, permission in rows.items()}


_DICOM_STORES = {
    "import": "healthcare.dicomStores.import",
    "export": "healthcare.dicomStores.export",
    "getDICOMStoreMetrics": "healthcare.dicomStores.get",
}
_DICOM_WEB = {
    "storeInstances": "healthcare.dicomStores.dicomWebWrite",
    "studies.storeInstances": "healthcare.dicomStores.dicomWebWrite",
    "studies.delete": "healthcare.dicomStores.dicomWebDelete",
    "studies.series.delete": "healthcare.dicomStores.dicomWebDelete",
    "studies.series.instances.delete": "healthcare.dicomStores.dicomWebDelete",
    **dict.fromkeys(
        (
            "searchForStudies",
            "searchForSeries",
            "searchForInstances",
            "studies.searchForSeries",
            "studies.searchForInstances",
            "studies.retrieveStudy",
            "studies.retrieveMetadata",
            "studies.series.searchForInstances",
            "studies.series.retrieveSeries",
            "studies.series.retrieveMetadata",
            "studies.series.instances.retrieveInstance",
            "studies.series.instances.retrieveMetadata",
            "studies.series.instances.retrieveRendered",
            "studies.series.instances.frames.retrieveFrames",
            "studies.series.instances.frames.retrieveRendered",
            "studies.series.instances.bulkdata.retrieveBulkdata",
        ),
        _READ,
    ),
}
_FHIR_STORES = {
    "import": "healthcare.fhirStores.import",
    "export": "healthcare.fhirStores.export",
    "bulkDelete": "healthcare.fhirStores.bulkDelete",
    "rollback": "healthcare.fhirStores.rollback",
    "getFHIRStoreMetrics": "healthcare.fhirStores.get",
    "bulk-export-group": "healthcare.fhirStores.export",
    "fhir.bulk-export": "healthcare.fhirStores.export",
    "operations.get-fhir-operation-status": "healthcare.fhirStores.getFhirOperation",
    "operations.delete-fhir-operation": "healthcare.fhirStores.deleteFhirOperation",
}
_FHIR_RESOURCES = {
    "capabilities": "healthcare.fhirStores.get",
    "read": "healthcare.fhirResources.get",
    "vread": "healthcare.fhirResources.get",
    "history": "healthcare.fhirResources.get",
    "Patient-everything": "healthcare.fhirResources.get",
    "Patient-consent-enforcement-status": "healthcare.fhirResources.get",
    "Consent-enforcement-status": "healthcare.fhirResources.get",
    "update": "healthcare.fhirResources.update",
    "patch": "healthcare.fhirResources.patch",
    "delete": "healthcare.fhirResources.delete",
    "Resource-purge": "healthcare.fhirResources.purge",
    "Binary-read": "healthcare.fhirResources.get",
    "Binary-vread": "healthcare.fhirResources.get",
    "Binary-update": "healthcare.fhirResources.update",
}

TABLE: Table = {
    f"{_LOCATIONS}.get": need("healthcare.locations.get", _NAME),
    f"{_LOCATIONS}.list": need("healthcare.locations.list", _NAME),
    **_administration(_DATASETS, "datasets"),
    **_administration(_DICOM, "dicomStores"),
    **_administration(_FHIR, "fhirStores"),
    f"{_DATASETS}.deidentify": (
        Need("healthcare.datasets.deidentify", "{sourceDataset}"),
        Need("healthcare.datasets.create", "{.destinationDataset}"),
    ),
    f"{_DICOM}.deidentify": (
        Need("healthcare.dicomStores.deidentify", "{sourceStore}"),
        Need("healthcare.dicomStores.dicomWebWrite", "{.destinationStore}"),
    ),
    f"{_FHIR}.deidentify": (
        Need("healthcare.fhirStores.deidentify", "{sourceStore}"),
        Need("healthcare.fhirResources.update", "{.destinationStore}"),
    ),
    **_each(f"{_DATASETS}.operations", {"get": "healthcare.operations.get"}, _NAME),
    **_each(f"{_DATASETS}.operations", {"list": "healthcare.operations.list"}, _NAME),
    **_each(f"{_DATASETS}.operations", {"cancel": "healthcare.operations.cancel"}, _NAME),
    **_each(_DICOM, _DICOM_STORES, _NAME),
    **_each(_DICOM, _DICOM_WEB, _PARENT),
    f"{_DICOM}.dicomWeb.studies.getStudyMetrics": need(_READ, "{study}"),
    f"{_DICOM}.dicomWeb.studies.series.getSeriesMetrics": need(_READ, "{series}"),
    f"{_DICOM}.dicomWeb.studies.series.instances.getStorageInfo": need(_READ, _RESOURCE),
    f"{_DICOM}.setBlobStorageSettings": need("healthcare.dicomStores.update", _RESOURCE),
    f"{_DICOM}.dicomWeb.studies.setBlobStorageSettings": need(
        "healthcare.dicomStores.dicomWebUpdate", _RESOURCE
    ),
    **_each(_FHIR, _FHIR_STORES, _NAME),
    **_each(f"{_FHIR}.fhir", _FHIR_RESOURCES, _NAME),
    f"{_FHIR}.fhir.create": (
        Need("healthcare.fhirResources.create", _PARENT),
        Need("healthcare.fhirStores.searchResources", _PARENT, header="if-none-exist"),
    ),
    f"{_FHIR}.fhir.Binary-create": need("healthcare.fhirResources.create", _PARENT),
    f"{_FHIR}.fhir.conditionalUpdate": (_SEARCH, Need("healthcare.fhirResources.update", _PARENT)),
    f"{_FHIR}.fhir.conditionalPatch": (_SEARCH, Need("healthcare.fhirResources.patch", _PARENT)),
    f"{_FHIR}.fhir.conditionalDelete": (_SEARCH, Need("healthcare.fhirResources.delete", _PARENT)),
    f"{_FHIR}.fhir.search": (_SEARCH,),
    f"{_FHIR}.fhir.search-type": (_SEARCH,),
    # Stores nothing; the page names no permission for it.
    f"{_FHIR}.fhir.Resource-validate": need("healthcare.fhirStores.get", _PARENT),
    # Each request within the bundle needs its own permission besides: see fhir_bundles.
    f"{_FHIR}.fhir.executeBundle": need("healthcare.fhirStores.executeBundle", _PARENT),
}
