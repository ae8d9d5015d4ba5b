"""A DICOM store of its own for a test, and the independent clients that talk to it."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests
from dicomweb_client.api import DICOMwebClient
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build
from pydicom.dataset import Dataset
from tests.contract.dicom.files import encoded, multipart

JSON = {"Accept": "application/dicom+json"}
LOCATION = "projects/contract/locations/us-central1"
_OPERATION_TIMEOUT_SECONDS = 30.0


@functools.cache  # reading the discovery document takes longer than most tests
def locations_api(base_url: str) -> Any:
    """Return Google's own client of projects.locations."""
    api = build(
        "healthcare",
        "v1",
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=base_url),
        static_discovery=True,
        cache_discovery=False,
    )
    return api.projects().locations()


def datasets_api(base_url: str) -> Any:
    """Return Google's own client of projects.locations.datasets."""
    return locations_api(base_url).datasets()


def unique(prefix: str) -> str:
    """Return a resource id that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class DicomStore:
    """One DICOM store and its clients; ``url`` ends in ``dicomWeb``."""

    base_url: str
    name: str
    datasets: Any

    @classmethod
    def create(cls, base_url: str, **body: Any) -> DicomStore:
        """Create a dataset and a store in it."""
        datasets = datasets_api(base_url)
        operation = datasets.create(parent=LOCATION, datasetId=unique("set"), body={}).execute()
        parent = operation["response"]["name"]
        stores = datasets.dicomStores()
        store = stores.create(parent=parent, dicomStoreId="images", body=body).execute()
        return cls(base_url, store["name"], datasets)

    @property
    def stores(self) -> Any:
        """Google's client of dicomStores."""
        return self.datasets.dicomStores()

    @property
    def url(self) -> str:
        return f"{self.base_url}/v1/{self.name}/dicomWeb"

    @property
    def web(self) -> DICOMwebClient:
        """An independent DICOMweb client."""
        return DICOMwebClient(self.url)

    def stow(
        self, files: Sequence[bytes], path: str = "/studies", headers: dict[str, str] = JSON
    ) -> requests.Response:
        """Send files in one multipart request."""
        body, content_type = multipart(files)
        headers = {"Content-Type": content_type, **headers}
        return requests.post(self.url + path, data=body, headers=headers, timeout=30)

    def put(self, *datasets: Dataset) -> None:
        """Store datasets and insist that all were taken."""
        answer = self.stow([encoded(dataset) for dataset in datasets])
        assert answer.status_code == 200, answer.text

    def get(self, path: str, accept: str = "*/*", **query: str) -> requests.Response:
        headers = {"Accept": accept}
        return requests.get(self.url + path, headers=headers, params=query, timeout=30)

    def start_import(self, uri: str) -> dict[str, Any]:
        """Start an import and return its operation."""
        body = {"gcsSource": {"uri": uri}}
        operation: dict[str, Any] = self.stores.import_(name=self.name, body=body).execute()
        return operation

    def wait(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Poll an operation until it is done."""
        deadline = time.monotonic() + _OPERATION_TIMEOUT_SECONDS
        while not operation.get("done"):
            assert time.monotonic() < deadline, operation
            time.sleep(0.02)
            operation = self.datasets.operations().get(name=operation["name"]).execute()
        return operation


def path_of(dataset: Dataset, depth: int = 3) -> str:
    """Return the DICOMweb path of an instance, or of its series (2) or study (1)."""
    levels = (
        f"/studies/{dataset.StudyInstanceUID}",
        f"/series/{dataset.SeriesInstanceUID}",
        f"/instances/{dataset.SOPInstanceUID}",
    )
    return "".join(levels[:depth])
