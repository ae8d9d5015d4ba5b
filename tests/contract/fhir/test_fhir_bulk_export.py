"""The bulk data export of FHIR: started, watched, ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from google.cloud import storage
from tests.contract.fhir.fhir_client import (
    FHIR_METHODS,
    FHIR_STORES,
    FhirClient,
    observation,
    patient,
    refer,
)

METHOD = f"{FHIR_METHODS}/bulk-export"
STATUS = f"{FHIR_STORES}.operations/get-fhir-operation-status"
DELETE = f"{FHIR_STORES}.operations/delete-fhir-operation"
_HEADERS = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
_TIMEOUT_SECONDS = 60.0


@pytest.fixture
def fhir(new_store: Callable[..., FhirClient], bucket: storage.Bucket) -> FhirClient:
    return new_store(bulkExportGcsDestination={"uriPrefix": f"gs://{bucket.name}/bulk"})


def start(fhir: FhirClient, path: str = "/$export", **query: str) -> requests.Response:
    return requests.get(f"{fhir.base}{path}", params=query, headers=_HEADERS, timeout=30)


def finished(answer: requests.Response) -> requests.Response:
    """Follow an export to its end."""
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while (
        status := requests.get(answer.headers["content-location"], timeout=30)
    ).status_code == 202:
        assert status.headers["x-progress"] == "in progress"
        assert time.monotonic() < deadline, "the export does not end"
        time.sleep(0.02)
    return status


def resources(bucket: storage.Bucket, url: str) -> list[dict[str, Any]]:
    name = url.removeprefix(f"gs://{bucket.name}/")
    return [json.loads(line) for line in bucket.blob(name).download_as_text().splitlines()]


@pytest.mark.rule("fhir.bulk-export.store", METHOD)
def test_the_manifest_lists_a_file_for_each_type(fhir: FhirClient, bucket: storage.Bucket) -> None:
    made = [fhir.create(item).body for item in (patient(), observation())]
    answer = start(fhir)
    status = finished(answer)
    identifier = answer.headers["content-location"].rpartition("/operations/")[2]
    manifest = status.json()
    assert {"transactionTime", "request", "requiresAccessToken", "output", "error"} <= set(manifest)
    assert manifest["request"] == f"{fhir.base}/$export"
    urls = {item["type"]: item["url"] for item in manifest["output"]}
    folder = f"gs://{bucket.name}/bulk/{identifier}"
    assert urls == {name: f"{folder}_{name}.ndjson" for name in ("Observation", "Patient")}
    assert resources(bucket, urls["Patient"]) == [made[0]]


@pytest.mark.rule("fhir.bulk-export.filters", METHOD)
def test_types_and_time_narrow_the_export(fhir: FhirClient, bucket: storage.Bucket) -> None:
    old = fhir.create(patient()).body
    new = fhir.create(patient()).body
    fhir.create(observation())
    manifest = finished(start(fhir, _type="Patient", _since=old["meta"]["lastUpdated"])).json()
    (output,) = manifest["output"]
    assert resources(bucket, output["url"]) == [new]


@pytest.mark.rule("fhir.bulk-export.headers", METHOD)
def test_only_asynchronous_exports_to_a_destination_are_served(
    fhir: FhirClient, new_store: Callable[..., FhirClient]
) -> None:
    url = f"{fhir.base}/$export"
    assert requests.get(url, timeout=30).status_code == 400
    html = {**_HEADERS, "Accept": "text/html"}
    assert requests.get(url, headers=html, timeout=30).status_code == 406
    assert start(fhir, outputFormat="text/csv").status_code == 400
    nowhere = start(new_store())
    assert (nowhere.status_code, nowhere.json()["resourceType"]) == (400, "OperationOutcome")


@pytest.mark.rule("fhir.bulk-export.group", f"{FHIR_STORES}/bulk-export-group")
def test_a_group_is_exported_patient_by_patient(fhir: FhirClient, bucket: storage.Bucket) -> None:
    members = [f"Patient/{fhir.create(patient()).body['id']}" for _ in range(2)]
    fhir.create(patient())
    findings = [fhir.create(observation(subject=refer(name))).body for name in members]
    group = fhir.create(
        {
            "resourceType": "Group",
            "type": "person",
            "actual": True,
            "member": [{"entity": refer(name)} for name in members],
        }
    ).body
    path = f"/Group/{group['id']}/$export"
    assert start(fhir, path).status_code == 400
    (output,) = finished(start(fhir, path, organizeOutputBy="Patient")).json()["output"]
    written = resources(bucket, output["url"])
    assert written[0] == group
    starts = [n for n, item in enumerate(written) if item["resourceType"] == "Parameters"]
    named = [written[n]["parameter"][0] for n in starts]
    assert [item["valueReference"] for item in named] == [refer(name) for name in members]
    # Each patient's part is what $everything answers, and the group is about all of its members.
    parts = [written[starts[0] + 1 : starts[1]], written[starts[1] + 1 :]]
    for name, finding, part in zip(members, findings, parts, strict=True):
        everything = fhir.everything(name.removeprefix("Patient/")).resources
        assert part == everything
        assert finding in part


@pytest.mark.rule("fhir.bulk-export.status", STATUS)
def test_a_failed_export_is_an_error_and_an_unknown_one_is_not_found(
    fhir: FhirClient, new_store: Callable[..., FhirClient]
) -> None:
    broken = new_store(bulkExportGcsDestination={"uriPrefix": "gs://no-such-bucket-anywhere/x"})
    status = finished(start(broken))
    assert (status.status_code, status.json()["resourceType"]) == (500, "OperationOutcome")
    unknown = requests.get(f"{fhir.base.removesuffix('/fhir')}/operations/1", timeout=30)
    assert unknown.status_code == 404
    # An export belongs to its store: another one does not know it.
    foreign = start(fhir).headers["content-location"].replace(fhir.store, broken.store)
    assert requests.get(foreign, timeout=30).status_code == 404


@pytest.fixture
def slow(
    start_cloud: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A cloud whose operations take a minute to begin."""
    folder = tmp_path_factory.mktemp("slow")
    with start_cloud(folder, "--set=operation_seconds=60") as running:
        yield running


@pytest.mark.rule("fhir.bulk-export.delete", DELETE)
def test_a_running_export_can_be_ended_once(slow: Any) -> None:
    destination = {"uriPrefix": "gs://bucket/bulk"}
    fhir = FhirClient.of_new_store(slow.healthcare, bulkExportGcsDestination=destination)
    address = start(fhir).headers["content-location"]
    running = requests.get(address, timeout=30)
    assert (running.status_code, running.headers["x-progress"]) == (202, "in progress")
    assert requests.delete(address, timeout=30).status_code == 202
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while requests.get(address, timeout=30).status_code == 202:
        assert time.monotonic() < deadline, "the export was not ended"
        time.sleep(0.02)
    assert requests.get(address, timeout=30).status_code == 404
    assert requests.delete(address, timeout=30).status_code == 404
