"""What the demo does to the cloud: upload as a sender would, read as an auditor would.

Nothing here knows the pipeline's code: only Google's APIs and the documented places of results.
"""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
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
_DATASET = f"projects/{PROJECT}/locations/us-central1/datasets/imaging"
FHIR_STORE = f"{_DATASET}/fhirStores/reports"
DICOM_STORE = f"{_DATASET}/dicomStores/studies"
MANUFACTURER = "Wetread"
"""What every DICOM object of the pipeline names as its manufacturer."""

_JSON = "application/fhir+json, application/dicom+json"
_MODALITY, _MANUFACTURER = "00080060", "00080070"
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
        healthcare = f"{ports.endpoints()['healthcare']}/v1"
        self._fhir = f"{healthcare}/{FHIR_STORE}/fhir"
        self._dicomweb = f"{healthcare}/{DICOM_STORE}/dicomWeb"
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

    def objects(self, study_instance_uid: str) -> Counter[str]:
        """Return how many DICOM objects of each modality the pipeline stored in a study."""
        instances = self._json(f"{self._dicomweb}/studies/{study_instance_uid}/metadata")
        return Counter(
            instance[_MODALITY]["Value"][0]
            for instance in instances
            if instance.get(_MANUFACTURER, {}).get("Value") == [MANUFACTURER]
        )

    def absences(self, report: Mapping[str, Any]) -> frozenset[str]:
        """Return what a report says was looked for in vain, by its display."""
        results = [
            self._json(f"{self._fhir}/{_relative(item['reference'])}")
            for item in report.get("result", ())
        ]
        return frozenset(
            result["code"]["coding"][0]["display"]
            for result in results
            if result.get("valueCodeableConcept", {}).get("text") == "Absent"
        )

    def document(self, report: Mapping[str, Any]) -> bytes:
        """Return the report that a person can read; empty if there is none."""
        for form in report.get("presentedForm", ()):
            if form["contentType"].startswith("text/html"):
                url = f"{self._fhir}/{_relative(form['url'])}"
                return base64.b64decode(self._json(url)["data"])
        return b""

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
        found = self._json(f"{self._fhir}/{resource_type}", params)
        return [entry["resource"] for entry in found.get("entry", ())]

    def _json(self, url: str, params: Mapping[str, str] | None = None) -> Any:
        answer = self._session.get(
            url, params=params, headers={"Accept": _JSON}, timeout=_TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        return answer.json()


def _relative(reference: str) -> str:
    """A server may answer with absolute references."""
    return "/".join(reference.split("/")[-2:])
