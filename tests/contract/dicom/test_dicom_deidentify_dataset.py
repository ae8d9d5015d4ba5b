"""De-identifying a whole dataset into a new one, and what stands in its way."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from googleapiclient.errors import HttpError
from tests.contract.dicom.deidentified import MINIMAL, files_of, new_store, refused
from tests.contract.dicom.files import ct_series
from tests.contract.dicom.stores import DicomStore, unique

REST = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1"


@pytest.mark.rule(
    "healthcare.datasets.deidentify", f"{REST}/projects.locations.datasets/deidentify"
)
def test_a_dataset_is_deidentified_into_a_new_one(store: DicomStore) -> None:
    source = store.name.rpartition("/dicomStores/")[0]
    second = DicomStore(store.base_url, new_store(store), store.datasets)
    shared = ct_series(1)[0]
    store.put(shared)
    second.put(shared, *ct_series(2))
    destination = f"{source}-anonymous"
    body = {"destinationDataset": destination, "config": MINIMAL}
    operation = store.wait(store.datasets.deidentify(sourceDataset=source, body=body).execute())
    assert operation["metadata"]["counter"] == {"success": "4"}
    assert operation["response"]["@type"].endswith("DeidentifySummary")
    copies = {
        original.name: DicomStore(
            store.base_url, original.name.replace(source, destination), store.datasets
        )
        for original in (store, second)
    }
    (copy,) = files_of(copies[store.name])
    others = files_of(copies[second.name])
    assert len(others) == 3
    assert copy in others, "one operation replaces a UID in one way, whatever the store"
    again = store.datasets.deidentify(sourceDataset=source, body=body)
    assert refused(again) == 409, "the destination must not exist"


@pytest.mark.rule(
    "healthcare.datasets.deidentify.fhir", f"{REST}/projects.locations.datasets/deidentify"
)
def test_a_dataset_with_fhir_resources_is_refused_by_name(store: DicomStore) -> None:
    source = store.name.rpartition("/dicomStores/")[0]
    fhir = store.datasets.fhirStores()
    body = {"version": "R4"}
    created = fhir.create(parent=source, fhirStoreId="records", body=body).execute()
    store.put(*ct_series(1))

    def start() -> Any:
        body = {"destinationDataset": f"{source}-{unique('anon')}", "config": MINIMAL}
        return store.datasets.deidentify(sourceDataset=source, body=body)

    assert "response" in store.wait(start().execute()), "an empty FHIR store is no obstacle"
    answer = requests.post(
        f"{store.base_url}/v1/{created['name']}/fhir/Patient",
        json={"resourceType": "Patient"},
        headers={"Content-Type": "application/fhir+json"},
        timeout=10,
    )
    assert answer.status_code == 201
    with pytest.raises(HttpError, match="records") as caught:
        start().execute()
    assert caught.value.status_code == 501


@pytest.mark.rule("dicom.deidentify.cmek", "https://cloud.google.com/healthcare-api/docs/cmek")
def test_a_dataset_with_a_key_of_its_own_cannot_be_deidentified(store: DicomStore) -> None:
    location = "projects/contract/locations/us-central1"
    key = f"{location}/keyRings/ring/cryptoKeys/key"
    body = {"encryptionSpec": {"kmsKeyName": key}}
    operation = store.datasets.create(
        parent=location, datasetId=unique("cmek"), body=body
    ).execute()
    source = operation["response"]["name"]
    request = {"destinationDataset": f"{source}-anonymous"}
    assert refused(store.datasets.deidentify(sourceDataset=source, body=request)) == 400
