"""Datasets, stores, policies and operations through Google's discovery client."""

from __future__ import annotations

from typing import Any

import pytest
from googleapiclient.errors import HttpError
from tests.contract.dicom.stores import LOCATION, DicomStore, datasets_api, locations_api, unique

REST = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations"
DATASETS = f"{REST}.datasets"
DICOM_STORES = f"{DATASETS}.dicomStores"
FHIR_STORES = f"{DATASETS}.fhirStores"
OPERATIONS = "https://cloud.google.com/healthcare-api/docs/how-tos/long-running-operations"
POLICY = "https://cloud.google.com/healthcare-api/docs/reference/rest/v1/Policy"


@pytest.fixture
def datasets(cloud: Any) -> Any:
    return datasets_api(cloud.healthcare)


@pytest.fixture
def dataset(datasets: Any) -> str:
    """The name of a new dataset."""
    operation = datasets.create(parent=LOCATION, datasetId=unique("admin"), body={}).execute()
    return str(operation["response"]["name"])


def failure_of(request: Any) -> int:
    """Run a request that must fail and say why; return its HTTP code."""
    with pytest.raises(HttpError) as caught:
        request.execute()
    assert caught.value.reason
    return caught.value.status_code


@pytest.mark.rule("healthcare.datasets.create.operation", f"{DATASETS}/create")
def test_a_dataset_is_created_by_an_operation_that_is_found_again(datasets: Any) -> None:
    dataset_id = unique("admin")
    body = {"timeZone": "America/New_York"}
    operation = datasets.create(parent=LOCATION, datasetId=dataset_id, body=body).execute()
    assert operation["done"]
    assert operation["response"]["name"] == f"{LOCATION}/datasets/{dataset_id}"
    assert operation["metadata"]["apiMethodName"].endswith("CreateDataset")
    assert datasets.operations().get(name=operation["name"]).execute() == operation
    found = datasets.get(name=operation["response"]["name"]).execute()
    assert found == {"name": operation["response"]["name"], "timeZone": "America/New_York"}


@pytest.mark.rule("healthcare.datasets.create.refused", f"{DATASETS}/create")
def test_a_dataset_needs_a_free_and_valid_id_and_time_zone(datasets: Any, dataset: str) -> None:
    taken = dataset.rsplit("/", 1)[1]
    assert failure_of(datasets.create(parent=LOCATION, datasetId=taken, body={})) == 409
    for dataset_id in ("", "with space", "a" * 257):
        refused = datasets.create(parent=LOCATION, datasetId=dataset_id, body={})
        assert failure_of(refused) == 400
    nowhere = {"timeZone": "Mars/Olympus"}
    refused = datasets.create(parent=LOCATION, datasetId=unique("admin"), body=nowhere)
    assert failure_of(refused) == 400


@pytest.mark.rule("healthcare.datasets.list.pages", f"{DATASETS}/list")
def test_datasets_are_listed_in_pages(datasets: Any) -> None:
    parent = f"projects/{unique('project')}/locations/us-central1"
    created = sorted(unique("page") for _ in range(5))
    for dataset_id in created:
        datasets.create(parent=parent, datasetId=dataset_id, body={}).execute()
    request, names = datasets.list(parent=parent, pageSize=2), []
    while request is not None:
        answer = request.execute()
        assert len(answer["datasets"]) <= 2
        names += [item["name"].rsplit("/", 1)[1] for item in answer["datasets"]]
        request = datasets.list_next(request, answer)
    assert names == created


@pytest.mark.rule("healthcare.datasets.patch.mask", f"{DATASETS}/patch")
def test_a_patch_changes_what_its_mask_names(datasets: Any, dataset: str) -> None:
    body = {"timeZone": "Europe/Berlin"}
    changed = datasets.patch(name=dataset, updateMask="timeZone", body=body).execute()
    assert changed["timeZone"] == "Europe/Berlin"
    assert failure_of(datasets.patch(name=dataset, body=body)) == 400
    assert failure_of(datasets.patch(name=dataset, updateMask="name", body=body)) == 400


@pytest.mark.rule("healthcare.datasets.delete.contents", f"{DATASETS}/delete")
def test_deleting_a_dataset_deletes_its_stores(datasets: Any, dataset: str) -> None:
    store = datasets.dicomStores().create(parent=dataset, dicomStoreId="s", body={}).execute()
    assert datasets.delete(name=dataset).execute() == {}
    assert failure_of(datasets.get(name=dataset)) == 404
    assert failure_of(datasets.dicomStores().get(name=store["name"])) == 404
    missing = datasets.dicomStores().create(parent=dataset, dicomStoreId="s", body={})
    assert failure_of(missing) == 404


@pytest.mark.rule("healthcare.dicomStores.lifecycle", DICOM_STORES)
def test_a_dicom_store_is_created_found_changed_and_deleted(datasets: Any, dataset: str) -> None:
    stores = datasets.dicomStores()
    body = {"labels": {"site": "north"}}
    store = stores.create(parent=dataset, dicomStoreId="images", body=body).execute()
    assert store == {"name": f"{dataset}/dicomStores/images", **body}
    configs = [{"pubsubTopic": "projects/contract/topics/study-events"}]
    changed = stores.patch(
        name=store["name"],
        updateMask="notificationConfigs",
        body={"notificationConfigs": configs, "labels": {"site": "ignored"}},
    ).execute()
    assert changed == {**store, "notificationConfigs": configs}
    assert stores.get(name=store["name"]).execute() == changed
    cleared = stores.patch(name=store["name"], updateMask="labels", body={}).execute()
    assert "labels" not in cleared
    assert stores.delete(name=store["name"]).execute() == {}
    assert failure_of(stores.get(name=store["name"])) == 404


@pytest.mark.rule("healthcare.dicomStores.list.filter", f"{DICOM_STORES}/list")
def test_stores_are_filtered_by_label(datasets: Any, dataset: str) -> None:
    stores = datasets.dicomStores()
    for store_id, site in (("a", "north"), ("b", "south")):
        body = {"labels": {"site": site}}
        stores.create(parent=dataset, dicomStoreId=store_id, body=body).execute()
    found = stores.list(parent=dataset, filter="labels.site=south").execute()
    assert [store["name"] for store in found["dicomStores"]] == [f"{dataset}/dicomStores/b"]
    assert failure_of(stores.list(parent=dataset, filter="name=b")) == 400


@pytest.mark.rule("healthcare.lists.empty", "https://protobuf.dev/programming-guides/json/")
def test_an_empty_list_is_left_out_of_an_answer(datasets: Any, dataset: str) -> None:
    assert datasets.dicomStores().list(parent=dataset).execute() == {}
    assert datasets.fhirStores().list(parent=dataset).execute() == {}


@pytest.mark.rule("healthcare.dicomStores.create.validation", f"{DICOM_STORES}/create")
@pytest.mark.parametrize(
    "body",
    [
        {"notificationConfigs": [{"pubsubTopic": "study-events"}]},
        {"notificationConfigs": [{}]},
        {"notificationConfig": {"pubsubTopic": "projects/p/subscriptions/s"}},
        {"notificationCfg": {}},
        {"labels": {"Site": "north"}},
        {"labels": {"site": "with space"}},
    ],
)
def test_an_invalid_store_is_refused(datasets: Any, dataset: str, body: dict[str, Any]) -> None:
    refused = datasets.dicomStores().create(parent=dataset, dicomStoreId="s", body=body)
    assert failure_of(refused) == 400


@pytest.mark.rule("healthcare.fhirStores.version", FHIR_STORES)
def test_a_fhir_store_has_a_version_for_good(datasets: Any, dataset: str) -> None:
    stores = datasets.fhirStores()
    assert failure_of(stores.create(parent=dataset, fhirStoreId="f", body={})) == 400
    body = {"version": "R4", "enableUpdateCreate": True}
    store = stores.create(parent=dataset, fhirStoreId="f", body=body).execute()
    assert store == {"name": f"{dataset}/fhirStores/f", **body}
    assert failure_of(stores.create(parent=dataset, fhirStoreId="f", body=body)) == 409
    for field in ("version", "disableReferentialIntegrity"):
        refused = stores.patch(name=store["name"], updateMask=field, body={"version": "R5"})
        assert failure_of(refused) == 400


@pytest.mark.rule("healthcare.iam.policy", POLICY)
def test_a_policy_is_kept_and_guarded_by_its_etag(store: DicomStore) -> None:
    bindings = [{"role": "roles/healthcare.dicomEditor", "members": ["user:a@example.org"]}]
    before = store.stores.getIamPolicy(resource=store.name).execute()
    body = {"policy": {"bindings": bindings, "etag": before["etag"]}}
    after = store.stores.setIamPolicy(resource=store.name, body=body).execute()
    assert after["bindings"] == bindings
    assert store.stores.getIamPolicy(resource=store.name).execute() == after
    assert failure_of(store.stores.setIamPolicy(resource=store.name, body=body)) == 409
    asked = {"permissions": ["healthcare.dicomStores.get"]}
    granted = store.stores.testIamPermissions(resource=store.name, body=asked).execute()
    assert granted == asked


@pytest.mark.rule("healthcare.operations", OPERATIONS)
def test_operations_are_listed_and_a_missing_one_is_not_found(datasets: Any, dataset: str) -> None:
    listed = datasets.operations().list(name=dataset).execute()["operations"]
    assert [operation["response"]["name"] for operation in listed] == [dataset]
    assert datasets.operations().cancel(name=listed[0]["name"], body={}).execute() == {}
    missing = f"{dataset}/operations/1"
    assert failure_of(datasets.operations().get(name=missing)) == 404


@pytest.mark.rule("healthcare.locations", f"{REST}/get")
def test_locations_are_known(cloud: Any) -> None:
    locations = locations_api(cloud.healthcare)
    found = locations.get(name=LOCATION).execute()
    assert found == {"name": LOCATION, "locationId": "us-central1"}
    listed = locations.list(name="projects/contract").execute()["locations"]
    assert found in listed
    assert failure_of(locations.get(name="projects/contract/locations/moon")) == 404


@pytest.mark.rule("healthcare.unserved", "https://cloud.google.com/apis/design/errors")
def test_a_method_that_is_not_served_says_so_by_name(datasets: Any, dataset: str) -> None:
    refused = datasets.consentStores().create(parent=dataset, consentStoreId="c", body={})
    with pytest.raises(HttpError, match=r"consentStores\.create") as caught:
        refused.execute()
    assert caught.value.status_code == 501
