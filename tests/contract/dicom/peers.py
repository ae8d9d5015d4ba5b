"""The DICOMweb servers that the standard's rules are held against: this one and Orthanc."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from tests.contract.dicom.files import encoded, multipart
from tests.contract.dicom.stores import JSON


@dataclass(frozen=True)
class Peer:
    """An empty DICOMweb service, or one that other tests use too; ``url`` is its root."""

    name: str
    url: str

    @property
    def web(self) -> DICOMwebClient:
        """An independent DICOMweb client."""
        return DICOMwebClient(self.url)

    def stow(self, files: Sequence[bytes], path: str = "/studies") -> requests.Response:
        """Send files in one multipart request."""
        body, content_type = multipart(files)
        headers = {"Content-Type": content_type, **JSON}
        return requests.post(self.url + path, data=body, headers=headers, timeout=30)

    def put(self, *datasets: Dataset) -> None:
        """Store datasets and insist that all were taken."""
        answer = self.stow([encoded(dataset) for dataset in datasets])
        assert answer.status_code == 200, answer.text

    def get(
        self, path: str, accept: str = "application/dicom+json", **query: str
    ) -> requests.Response:
        headers = {"Accept": accept}
        return requests.get(self.url + path, headers=headers, params=query, timeout=30)

    def parts(self, url: str, accept: str) -> list[bytes]:
        """Retrieve a multipart answer and return the content of its parts."""
        answer = requests.get(url, headers={"Accept": accept}, timeout=30)
        assert answer.status_code == 200, answer.text
        boundary = answer.headers["content-type"].rpartition("boundary=")[2].strip('"')
        parts = answer.content.split(f"--{boundary}".encode())[1:-1]
        return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]
