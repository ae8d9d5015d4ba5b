"""Many resources deleted at once, and the metrics that count what is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.cloud import storage
from tests.contract.fhir.buckets import contents
from tests.contract.fhir.fhir_client import (
    FHIR_STORES,
    FhirClient,
    observation,
    patient,
)

BULK_DELETE = f"{FHIR_STORES}/bulkDelete"


@pytest.fixture
def fhir(new_store: Callable[..., FhirClient]) -> FhirClient:
    return new_store()


@pytest.mark.rule("fhir.bulkDelete.dry-run", BULK_DELETE)
def test_a_bulk_deletion_is_a_dry_run_unless_said_otherwise(
    fhir: FhirClient, bucket: storage.Bucket
) -> None:
    made = fhir.create(patient()).body["id"]
    destination = {"uriPrefix": f"gs://{bucket.name}/gone"}
    operation = fhir.operation("bulkDelete", gcsDestination=destination)
    assert operation["metadata"]["counter"] == {"success": "1"}
    assert contents(bucket) == {"gone/Patient.txt": [f"Patient/{made}"]}
    assert fhir.read(f"Patient/{made}").status == 200


@pytest.mark.rule("fhir.bulkDelete.versions", BULK_DELETE)
@pytest.mark.parametrize(
    ("versions", "counter", "status", "entries"),
    [
        ("ALL", {"success": "1", "secondarySuccess": "1"}, 404, None),
        ("CURRENT_ONLY", {"success": "1"}, 410, 3),
        ("HISTORY_ONLY", {"secondarySuccess": "1"}, 200, 1),
    ],
)
def test_a_bulk_deletion_chooses_versions(
    fhir: FhirClient,
    versions: str,
    counter: dict[str, str],
    status: int,
    entries: int | None,
) -> None:
    made = fhir.create(patient()).body
    fhir.update({**made, "active": True})
    kept = fhir.create(observation()).body["id"]
    operation = fhir.operation(
        "bulkDelete", type="Patient", versionConfig=versions, validateOnly=False
    )
    assert operation["metadata"]["counter"] == counter
    reference = f"Patient/{made['id']}"
    assert fhir.read(reference).status == status
    assert fhir.history(reference).body.get("total") == entries
    assert fhir.read(f"Observation/{kept}").status == 200


@pytest.mark.rule("fhir.bulkDelete.until", BULK_DELETE)
def test_a_bulk_deletion_can_spare_what_is_new(fhir: FhirClient) -> None:
    old = fhir.create(patient()).body
    new = fhir.create(patient()).body
    fhir.operation("bulkDelete", until=old["meta"]["lastUpdated"], validateOnly=False)
    assert fhir.search("Patient").ids == {new["id"]}


@pytest.mark.rule("fhir.metrics", f"{FHIR_STORES}/getFHIRStoreMetrics")
def test_metrics_count_resources_and_bytes_by_type(fhir: FhirClient) -> None:
    made = fhir.create(patient()).body
    fhir.update({**made, "active": True})
    gone = fhir.create(observation()).body["id"]
    fhir.create(observation())
    fhir.delete(f"Observation/{gone}")
    metrics = fhir.stores.getFHIRStoreMetrics(name=fhir.store).execute()
    assert metrics["name"] == fhir.store
    by_type = {item["resourceType"]: item for item in metrics["metrics"]}
    assert {name: item["count"] for name, item in by_type.items()} == {
        "Observation": "1",
        "Patient": "1",
    }
    assert int(by_type["Patient"]["structuredStorageSizeBytes"]) > len(made["id"])
    assert int(by_type["Patient"]["versionedStorageSizeBytes"]) > len(made["id"])
