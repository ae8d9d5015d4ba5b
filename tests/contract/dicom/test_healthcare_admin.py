"""Datasets, stores, policies and operations through Google's discovery client."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
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


@pytest.mark.rule("healthcare.datasets.create.race", f"{DATASETS}/create")
def test_of_many_that_create_the_same_dataset_one_wins(cloud: Any) -> None:
    # Google's client is not safe to share between threads.
    url = f"{cloud.healthcare}/v1/{LOCATION}/datasets?datasetId={unique('race')}"

    def create(_: int) -> int:
        return requests.post(url, json={}, timeout=30).status_code

    with ThreadPoolExecutor(6) as pool:
        codes = sorted(pool.map(create, range(6)))
    assert codes == [200, 409, 409, 409, 409, 409]


@pytest.mark.rule("healthcare.datasets.output_only", DATASETS)
def test_what_is_output_only_is_ignored(datasets: Any) -> None:
    dataset_id = unique("admin")
    body = {"name": "projects/other/locations/eu/datasets/x", "satisfiesPzs": True}
    operation = datasets.create(parent=LOCATION, datasetId=dataset_id, body=body).execute()
    name = f"{LOCATION}/datasets/{dataset_id}"
    assert datasets.get(name=name).execute() == {"name": name}
    assert operation["response"]["name"] == name


@pytest.mark.rule("healthcare.datasets.cmek", "https://cloud.google.com/healthcare-api/docs/cmek")
def test_a_key_is_given_once_and_lies_where_the_dataset_is(datasets: Any) -> None:
    def key_in(location: str) -> dict[str, Any]:
        key = f"projects/contract/locations/{location}/keyRings/r/cryptoKeys/k"
        return {"encryptionSpec": {"kmsKeyName": key}}

    def create(location: str, body: dict[str, Any]) -> Any:
        parent = f"projects/contract/locations/{location}"
        return datasets.create(parent=parent, datasetId=unique("cmek"), body=body)

    created = create("us-central1", key_in("us-central1")).execute()["response"]
    assert created["encryptionSpec"] == key_in("us-central1")["encryptionSpec"]
    assert "encryptionSpec" in create("eu", key_in("europe")).execute()["response"]
    assert failure_of(create("us-central1", key_in("europe-west4"))) == 400
    assert failure_of(create("us-central1", {"encryptionSpec": {"kmsKeyName": "k"}})) == 400
    body = key_in("us-central1")
    change = datasets.patch(name=created["name"], updateMask="encryptionSpec", body=body)
    assert failure_of(change) == 400


@pytest.mark.rule("healthcare.datasets.ids", f"{DATASETS}/create")
@pytest.mark.parametrize("dataset_id", ["a", "A.b-c_9", "Bildgebung-Köln", "9" * 256])
def test_ids_have_letters_of_any_script(datasets: Any, dataset_id: str) -> None:
    parent = f"projects/{unique('project')}/locations/us-central1"
    created = datasets.create(parent=parent, datasetId=dataset_id, body={}).execute()
    name = f"{parent}/datasets/{dataset_id}"
    assert created["response"]["name"] == name
    assert datasets.get(name=name).execute() == {"name": name}


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


@pytest.mark.rule("healthcare.dicomStores.list.operators", f"{DICOM_STORES}/list")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("labels.site=north AND labels.tier=dev", {"a"}),
        ("labels.site=south OR labels.tier=dev", {"a", "b"}),
        ("NOT labels.site=north", {"b"}),
        ('labels.site = "north" AND NOT labels.tier = "dev"', {"c"}),
    ],
)
def test_a_filter_combines_labels(
    datasets: Any, dataset: str, expression: str, expected: set[str]
) -> None:
    labels = {
        "a": {"site": "north", "tier": "dev"},
        "b": {"site": "south"},
        "c": {"site": "north"},
    }
    stores = datasets.dicomStores()
    for store_id, given in labels.items():
        stores.create(parent=dataset, dicomStoreId=store_id, body={"labels": given}).execute()
    found = stores.list(parent=dataset, filter=expression).execute()["dicomStores"]
    assert {store["name"].rsplit("/", 1)[1] for store in found} == expected
    mixed = "labels.a=1 AND labels.b=2 OR labels.c=3"
    assert failure_of(stores.list(parent=dataset, filter=mixed)) == 400


@pytest.mark.rule("healthcare.dicomStores.labels.limit", DICOM_STORES)
def test_a_store_has_at_most_64_labels(datasets: Any, dataset: str) -> None:
    stores = datasets.dicomStores()
    labels = {f"k{number}": "" for number in range(64)}
    stores.create(parent=dataset, dicomStoreId="full", body={"labels": labels}).execute()
    body = {"labels": {**labels, "one-more": ""}}
    assert failure_of(stores.create(parent=dataset, dicomStoreId="over", body=body)) == 400
    name = f"{dataset}/dicomStores/full"
    assert failure_of(stores.patch(name=name, updateMask="labels", body=body)) == 400


@pytest.mark.rule("localcloud.stream_configs", DICOM_STORES)
def test_streaming_to_bigquery_is_refused_by_name(datasets: Any, dataset: str) -> None:
    stores = datasets.dicomStores()
    body = {"streamConfigs": [{"bigqueryDestination": {"tableUri": "bq://p.d.t"}}]}
    with pytest.raises(HttpError, match="stream_configs is not served") as caught:
        stores.create(parent=dataset, dicomStoreId="s", body=body).execute()
    assert caught.value.status_code == 501
    assert stores.list(parent=dataset).execute() == {}


@pytest.mark.rule("healthcare.dicomStores.patch.mask", f"{DICOM_STORES}/patch")
def test_a_mask_names_whole_fields_that_can_change(datasets: Any, dataset: str) -> None:
    stores = datasets.dicomStores()
    name = stores.create(parent=dataset, dicomStoreId="s", body={}).execute()["name"]
    topic = "projects/contract/topics/t"
    body = {"labels": {"a": "b"}, "notificationConfig": {"pubsubTopic": topic}}
    changed = stores.patch(name=name, updateMask="labels,notification_config", body=body).execute()
    assert changed == {"name": name, **body}
    for mask in (None, "", "name", "labels.a", "noSuchField"):
        assert failure_of(stores.patch(name=name, updateMask=mask, body=body)) == 400, mask
    assert stores.get(name=name).execute() == changed


@pytest.mark.rule("healthcare.nulls", "https://protobuf.dev/programming-guides/json/")
def test_null_means_the_same_as_absent(datasets: Any, dataset: str) -> None:
    stores = datasets.dicomStores()
    nulls = {"notificationConfig": None, "notificationConfigs": [None], "labels": {"a": None}}
    created = stores.create(parent=dataset, dicomStoreId="s", body=nulls).execute()
    assert not {"notificationConfig", "streamConfigs"} & created.keys()
    assert not created.get("notificationConfigs")
    body = {"config": {"dicom": None, "image": None}, "filterConfig": None}
    body["destinationStore"] = created["name"]
    other = stores.create(parent=dataset, dicomStoreId="other", body={}).execute()
    assert stores.deidentify(sourceStore=other["name"], body=body).execute()["name"]
    body = {"gcsSource": None, "blobStorageSettings": None}
    assert failure_of(stores.import_(name=created["name"], body=body)) == 400


@pytest.mark.rule("healthcare.pages.limits", f"{DICOM_STORES}/list")
@pytest.mark.parametrize("query", [{"pageSize": -1}, {"pageToken": "%%"}])
def test_a_page_that_cannot_be_is_refused(
    datasets: Any, dataset: str, query: dict[str, Any]
) -> None:
    assert failure_of(datasets.dicomStores().list(parent=dataset, **query)) == 400


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
