"""Cloud Healthcare API; the Google provider has no hook for it."""

from __future__ import annotations

from functools import cached_property

from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.fhir import FhirClient
from wetread.gcp.healthcare import DatasetPath, HealthcareClient
from wetread.gcp.http import HttpApi
from wetread.hooks.google_cloud import GoogleCloudHook


class HealthcareHook(GoogleCloudHook):
    """Clients of the dataset, its DICOM stores and its FHIR stores."""

    @cached_property
    def _api(self) -> HttpApi:
        return HttpApi(self.session(), f"{self.endpoint('healthcare')}/v1")

    def dataset(self, location: str, dataset: str) -> DatasetPath:
        return DatasetPath(self.project_id, location, dataset)

    def client(self) -> HealthcareClient:
        return HealthcareClient(self._api)

    def dicomweb(self, dicom_store: str) -> DicomWebClient:
        """Return a client of the DICOM store with the resource name ``dicom_store``."""
        return DicomWebClient(self._api, dicom_store)

    def fhir(self, fhir_store: str) -> FhirClient:
        """Return a client of the FHIR store with the resource name ``fhir_store``."""
        return FhirClient(self._api, fhir_store)
