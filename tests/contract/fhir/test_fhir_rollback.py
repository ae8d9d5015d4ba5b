"""Point-in-time recovery: resources become what they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import storage
from googleapiclient.errors import HttpError
from tests.contract.fhir.buckets import contents
from tests.contract.fhir.fhir_client import FhirClient, observation, patient

METHOD = "https://cloud.google.com/healthcare-api/docs/fhir-pitr"


class Past:
    """A store with a resource of each fate since a time: updated, deleted, created, untouched."""

    def __init__(self, fhir: FhirClient, bucket: storage.Bucket) -> None:
        self.fhir = fhir
        self.bucket = bucket
        self.untouched = fhir.create(observation()).body
        self.deleted = fhir.create(patient(gender="male")).body
        self.updated = fhir.create(patient(gender="female")).body
        self.time = self.updated["meta"]["lastUpdated"]
        fhir.update({**self.updated, "gender": "other"})
        fhir.delete(f"Patient/{self.deleted['id']}")
        self.created = fhir.create(patient()).body

    def roll_back(self, **body: Any) -> dict[str, Any]:
        request = {"resultGcsBucket": f"gs://{self.bucket.name}", "rollbackTime": self.time}
        return self.fhir.operation("rollback", **request, **body)

    def statuses(self) -> list[int]:
        fates = (self.updated, self.deleted, self.created)
        return [self.fhir.read(f"Patient/{item['id']}").status for item in fates]


@pytest.fixture
def past(new_store: Callable[..., FhirClient], bucket: storage.Bucket) -> Past:
    return Past(new_store(), bucket)


@pytest.mark.rule("fhir.rollback.force", METHOD)
def test_everything_becomes_what_it_was(past: Past) -> None:
    operation = past.roll_back(force=True)
    assert operation["metadata"]["counter"] == {"success": "3"}
    assert operation["response"]["fhirStore"] == past.fhir.store
    assert past.statuses() == [200, 200, 410]
    restored = past.fhir.read(f"Patient/{past.updated['id']}").body
    assert {**restored, "meta": None} == {**past.updated, "meta": None}
    assert past.fhir.search("Patient", {"gender": "female"}).ids == {past.updated["id"]}
    untouched = past.fhir.read(f"Observation/{past.untouched['id']}").body
    assert untouched == past.untouched


@pytest.mark.rule("fhir.rollback.dry-run", METHOD)
def test_without_force_a_file_says_what_would_be_done(past: Past) -> None:
    operation = past.roll_back()
    assert past.statuses() == [200, 410, 200]
    ((name, lines),) = contents(past.bucket).items()
    identifier = operation["name"].rpartition("/")[2]
    assert name == f"rollback_resources/{identifier}/trial-1-of-1.txt"
    fates = (past.updated, past.deleted, past.created)
    assert {line.split(",")[1] for line in lines} == {item["id"] for item in fates}


@pytest.mark.rule("fhir.rollback.filters", METHOD)
@pytest.mark.parametrize(
    ("chosen", "statuses"),
    [
        ({"changeType": "CREATE"}, [200, 410, 410]),
        ({"changeType": "DELETE"}, [200, 200, 200]),
        ({"type": ["Observation"]}, [200, 410, 200]),
    ],
    ids=str,
)
def test_a_rollback_can_be_of_some_changes(
    past: Past, chosen: dict[str, Any], statuses: list[int]
) -> None:
    past.roll_back(force=True, **chosen)
    assert past.statuses() == statuses
    assert past.fhir.read(f"Patient/{past.updated['id']}").body["gender"] == "other"


@pytest.mark.rule("fhir.rollback.list", METHOD)
def test_a_rollback_can_be_of_listed_resources(past: Past) -> None:
    past.bucket.blob("list.txt").upload_from_string(f"Patient/{past.created['id']}\n")
    past.roll_back(force=True, inputGcsObject=f"gs://{past.bucket.name}/list.txt")
    assert past.statuses() == [200, 410, 410]


@pytest.mark.rule("fhir.rollback.purged", METHOD)
def test_what_has_no_history_is_not_guessed(past: Past) -> None:
    past.fhir.purge(f"Patient/{past.updated['id']}")
    operation = past.roll_back(force=True)
    assert operation["metadata"]["counter"] == {"success": "2", "failure": "1"}
    assert past.fhir.read(f"Patient/{past.updated['id']}").body["gender"] == "other"


@pytest.mark.rule("fhir.rollback.imported", METHOD)
def test_what_an_import_overwrote_is_not_guessed(past: Past) -> None:
    imported = {**past.untouched, "status": "final"}
    past.bucket.blob("o.ndjson").upload_from_string(json.dumps(imported))
    source = {"uri": f"gs://{past.bucket.name}/o.ndjson"}
    past.fhir.operation("import_", gcsSource=source, contentStructure="RESOURCE")
    operation = past.roll_back(force=True, type=["Observation"])
    assert operation["metadata"]["counter"] == {"failure": "1"}
    assert past.fhir.read(f"Observation/{past.untouched['id']}").body["status"] == "final"


@pytest.mark.rule("fhir.rollback.bad-request", METHOD)
@pytest.mark.parametrize(
    "body",
    [{"resultGcsBucket": "gs://b"}, {"rollbackTime": "2026-01-01T00:00:00Z"}],
    ids=["no time", "no bucket"],
)
def test_a_rollback_needs_a_time_and_a_bucket(past: Past, body: dict[str, str]) -> None:
    with pytest.raises(HttpError) as caught:
        past.fhir.operation("rollback", **body)
    assert caught.value.resp.status == 400
