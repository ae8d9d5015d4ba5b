"""Policies of datasets and stores: inherited, guarded, and asked for each entry of a bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from googleapiclient.errors import HttpError
from tests.contract.auth.clients import (
    PROJECT,
    TIMEOUT_SECONDS,
    Account,
    GuardedCloud,
    refusal,
    unique,
)
from tests.contract.auth.conftest import Place

HEALTHCARE = "https://docs.cloud.google.com/healthcare-api/docs/access-control"
HIERARCHY = "https://cloud.google.com/iam/docs/resource-hierarchy-access-control"
MESSAGES = "https://docs.cloud.google.com/iam/docs/permission-error-messages"
FHIR_JSON = {"Content-Type": "application/fhir+json"}


def _search(account: Account, store: str) -> requests.Response:
    url = f"{account.cloud.healthcare}/v1/{store}/dicomWeb/studies"
    return account.session().get(url, timeout=TIMEOUT_SECONDS)


def _grant(resources: Any, name: str, role: str, member: str) -> None:
    policy = resources.getIamPolicy(resource=name).execute()
    policy.setdefault("bindings", []).append({"role": role, "members": [member]})
    resources.setIamPolicy(resource=name, body={"policy": policy}).execute()


@pytest.mark.rule("healthcare.iam.store-policy", HEALTHCARE)
def test_a_binding_on_a_store_opens_that_store_alone(
    guarded: GuardedCloud, healthcare: Any, place: Place
) -> None:
    account = guarded.account()
    other = healthcare.dicomStores().create(
        parent=place.dataset, dicomStoreId=unique("other"), body={}
    )
    assert _search(account, place.dicom).status_code == 403
    stores = healthcare.dicomStores()
    _grant(stores, place.dicom, "roles/healthcare.dicomViewer", account.member)
    assert _search(account, place.dicom).ok
    assert _search(account, other.execute()["name"]).status_code == 403


@pytest.mark.rule("healthcare.iam.inheritance", HIERARCHY)
def test_a_store_inherits_the_policy_of_its_dataset(
    guarded: GuardedCloud, healthcare: Any, place: Place
) -> None:
    account = guarded.account()
    _grant(healthcare, place.dataset, "roles/healthcare.dicomViewer", account.member)
    assert _search(account, place.dicom).ok


@pytest.mark.rule("healthcare.iam.policy-permission", HEALTHCARE)
def test_a_policy_is_read_and_set_only_with_its_own_permission(
    guarded: GuardedCloud, place: Place
) -> None:
    account = guarded.account("roles/healthcare.dicomEditor")
    stores = account.api("healthcare").projects().locations().datasets().dicomStores()
    for call in (
        stores.getIamPolicy(resource=place.dicom),
        stores.setIamPolicy(resource=place.dicom, body={"policy": {}}),
    ):
        with pytest.raises(HttpError, match=r"healthcare\.dicomStores\.[gs]etIamPolicy") as caught:
            call.execute()
        assert caught.value.status_code == 403


@pytest.mark.rule(
    "healthcare.iam.test-permissions",
    "https://cloud.google.com/healthcare-api/docs/reference/rest/v1/projects.locations.datasets.dicomStores/testIamPermissions",
)
def test_healthcare_tells_which_permissions_the_caller_has(
    guarded: GuardedCloud, place: Place
) -> None:
    account = guarded.account("roles/healthcare.dicomViewer")
    stores = account.api("healthcare").projects().locations().datasets().dicomStores()
    asked = ["healthcare.dicomStores.dicomWebRead", "healthcare.dicomStores.dicomWebWrite"]
    answer = stores.testIamPermissions(resource=place.dicom, body={"permissions": asked})
    assert answer.execute() == {"permissions": asked[:1]}


@pytest.mark.rule("healthcare.iam.denial", MESSAGES)
def test_a_refusal_names_permission_and_resource_and_not_whether_it_exists(
    guarded: GuardedCloud, place: Place
) -> None:
    account = guarded.account()
    missing = f"{place.dataset}/dicomStores/none"
    for store in (place.dicom, missing):
        answer = _search(account, store)
        error = answer.json()["error"]
        assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
        assert error["message"] == (
            f"Permission 'healthcare.dicomStores.dicomWebRead' denied on resource '{store}' "
            "(or it may not exist)."
        )
        assert refusal(answer) == ("healthcare.dicomStores.dicomWebRead", store)


@pytest.mark.rule("fhir.iam.bundle-entries", f"{HEALTHCARE}#fhir_store_methods")
def test_each_request_of_a_bundle_needs_its_own_permission(
    guarded: GuardedCloud, place: Place
) -> None:
    reader = guarded.account("roles/healthcare.fhirResourceReader")
    patient = {"resourceType": "Patient"}
    create = {"request": {"method": "POST", "url": "Patient"}, "resource": patient}
    read = {"request": {"method": "GET", "url": "Patient/none"}}

    def execute(kind: str) -> requests.Response:
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [create, read]}
        url = f"{guarded.cloud.healthcare}/v1/{place.fhir}/fhir"
        return reader.session().post(url, data=json.dumps(bundle), headers=FHIR_JSON)

    refused = execute("transaction")
    assert refused.status_code == 403
    (issue,) = refused.json()["issue"]
    assert issue["code"] == "security"
    assert "healthcare.fhirResources.create" in issue["diagnostics"]
    statuses = [entry["response"]["status"] for entry in execute("batch").json()["entry"]]
    assert [status[:3] for status in statuses] == ["403", "404"]


@pytest.mark.rule("fhir.iam.conditional-create", f"{HEALTHCARE}#fhir_store_methods")
def test_a_conditional_create_needs_the_right_to_search(
    guarded: GuardedCloud, owner: Account, place: Place
) -> None:
    account = guarded.account()
    datasets = owner.api("healthcare").projects().locations().datasets()
    role = f"projects/{PROJECT}/roles/creator"
    _grant(datasets, place.dataset, role, account.member)
    url = f"{guarded.cloud.healthcare}/v1/{place.fhir}/fhir/Patient"
    patient = json.dumps({"resourceType": "Patient"})
    session = account.session()
    assert session.post(url, data=patient, headers=FHIR_JSON).status_code == 201
    conditional = {**FHIR_JSON, "If-None-Exist": "identifier=a|b"}
    answer = session.post(url, data=patient, headers=conditional)
    assert answer.status_code == 403
    assert refusal(answer)[0] == "healthcare.fhirStores.searchResources"
