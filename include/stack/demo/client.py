"""What the demo does to the cloud: upload as a sender would, read as an auditor would.

Nothing here knows the pipeline's code: only Google's APIs and the documented places of results.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from stack.ports import Ports

PROJECT = "wetread-local"
INCOMING_BUCKET = "wetread-incoming"
STATE_BUCKET = "wetread-state"
FHIR_STORE = f"projects/{PROJECT}/locations/us-central1/datasets/imaging/fhirStores/reports"

_TIMEOUT_SECONDS = 30
_INDEX_SECONDS = 10.0
_POLL_SECONDS = 0.5


class DemoCloud:
    """The buckets and the FHIR store of one stack."""

    def __init__(self, ports: Ports) -> None:
        client = storage.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": ports.url("storage")},
        )
        self._incoming = client.bucket(INCOMING_BUCKET)
        self._state = client.bucket(STATE_BUCKET)
        self._fhir = f"{ports.endpoints()['healthcare']}/v1/{FHIR_STORE}/fhir"
        self._claims: dict[str, Mapping[str, Any]] = {}  # what is read here of a claim stays
        self._session = requests.Session()
        self._session.trust_env = False

    def upload(self, name: str, content: bytes) -> datetime:
        """Write one object below ``incoming/`` and return when the bucket had it."""
        blob = self._incoming.blob(f"incoming/{name}")
        blob.upload_from_string(content, content_type="application/octet-stream")
        return blob.time_created

    def study_keys(self) -> dict[str, str]:
        """Return the key that each claimed StudyInstanceUID got."""
        for blob in self._state.list_blobs(prefix="claims/"):
            if blob.name not in self._claims:
                self._claims[blob.name] = json.loads(blob.download_as_bytes())
        return {row["study_instance_uid"]: row["study_key"] for row in self._claims.values()}

    def summary(self, study_key: str) -> dict[str, Any] | None:
        """Return how the study's first version ended, or None while it has not."""
        blob = self._state.get_blob(f"studies/{study_key}/v1/summary.json")
        return json.loads(blob.download_as_bytes()) if blob else None

    def analyses(self, study_key: str) -> frozenset[str]:
        """Return the analyses whose findings are stored, of any row of the study's plan."""
        found = self._state.list_blobs(prefix=f"studies/{study_key}/findings/")
        return frozenset(PurePosixPath(blob.name).stem.partition(" ")[2] for blob in found)

    def reports(self, study_instance_uid: str) -> list[Mapping[str, Any]]:
        """Return the DiagnosticReports about one study, found through its ImagingStudy.

        A search by anything but an identifier sees a new report late, here as on Google.
        """
        token = f"urn:dicom:uid|urn:oid:{study_instance_uid}"
        studies = self._search("ImagingStudy", {"identifier": token})
        references = {f"ImagingStudy/{study['id']}" for study in studies}
        deadline = time.monotonic() + _INDEX_SECONDS
        while not (found := self._reports_on(references)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return found

    def _reports_on(self, references: Collection[str]) -> list[Mapping[str, Any]]:
        return [
            report
            for report in self._search("DiagnosticReport", {"_count": "200"})
            if any(
                _relative(item["reference"]) in references
                for item in report.get("imagingStudy", ())
            )
        ]

    def _search(self, resource_type: str, params: Mapping[str, str]) -> list[Mapping[str, Any]]:
        answer = self._session.get(
            f"{self._fhir}/{resource_type}", params=params, timeout=_TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        return [entry["resource"] for entry in answer.json().get("entry", ())]


def _relative(reference: str) -> str:
    """A server may answer with absolute references."""
    return "/".join(reference.split("/")[-2:])
