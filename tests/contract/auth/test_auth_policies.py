"""Policies on resources: they add to the project's, are inherited, and guard themselves."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests
from google.api_core.exceptions import Forbidden, PermissionDenied
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
STORAGE = "https://cloud.google.com/storage/docs/access-control/iam"
PUBSUB = "https://cloud.google.com/pubsub/docs/access-control"
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


@pytest.mark.rule("storage.iam.bucket-policy", STORAGE)
def test_a_binding_on_a_bucket_opens_that_bucket(
    guarded: GuardedCloud, owner: Account, place: Place
) -> None:
    account = guarded.account()
    bucket = account.storage().bucket(place.bucket)
    with pytest.raises(Forbidden, match=r"storage\.objects\.get access to the Google Cloud") as no:
        bucket.blob("there.txt").download_as_bytes()
    assert account.email in str(no.value)
    mine = owner.storage().bucket(place.bucket)
    policy = mine.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {account.member}})
    mine.set_iam_policy(policy)
    assert bucket.blob("there.txt").download_as_bytes() == b"there"


@pytest.mark.rule("storage.iam.convenience-values", f"{STORAGE}#convenience-values")
def test_a_new_bucket_trusts_the_basic_roles_of_its_project(
    guarded: GuardedCloud, owner: Account
) -> None:
    bucket = owner.storage().create_bucket(unique("bucket"))
    bucket.blob("a").upload_from_string(b"a")
    viewer = guarded.account("roles/viewer").storage().bucket(bucket.name)
    assert viewer.blob("a").download_as_bytes() == b"a"
    with pytest.raises(Forbidden):
        viewer.blob("b").upload_from_string(b"b")
    roles = {binding["role"] for binding in bucket.get_iam_policy().bindings}
    assert "roles/storage.legacyBucketOwner" in roles


@pytest.mark.rule("storage.iam.all-users", f"{STORAGE}#principals")
def test_all_users_are_let_in_without_a_token(guarded: GuardedCloud, owner: Account) -> None:
    bucket = owner.storage().create_bucket(unique("public"))
    bucket.blob("a").upload_from_string(b"a")
    url = f"{guarded.cloud.storage}/storage/v1/b/{bucket.name}/o/a?alt=media"
    stranger = guarded.account()

    def statuses() -> tuple[int, int]:
        anonymous = requests.get(url, timeout=TIMEOUT_SECONDS)
        return anonymous.status_code, stranger.session().get(url).status_code

    for member, expected in (
        (None, (401, 403)),
        ("allAuthenticatedUsers", (401, 200)),
        ("allUsers", (200, 200)),
    ):
        policy = bucket.get_iam_policy(requested_policy_version=3)
        if member:
            policy.bindings.append({"role": "roles/storage.objectViewer", "members": {member}})
            bucket.set_iam_policy(policy)
        assert statuses() == expected


@pytest.mark.rule("storage.iam.conditional-binding", f"{STORAGE}#conditions")
def test_a_conditional_binding_is_kept_and_grants_nothing(
    guarded: GuardedCloud, owner: Account
) -> None:
    account = guarded.account()
    bucket = owner.storage().create_bucket(unique("bucket"))
    bucket.blob("a").upload_from_string(b"a")
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.version = 3
    condition = {"title": "always", "expression": "true"}
    policy.bindings.append(
        {
            "role": "roles/storage.objectViewer",
            "members": {account.member},
            "condition": condition,
        }
    )
    bucket.set_iam_policy(policy)
    kept = bucket.get_iam_policy(requested_policy_version=3).bindings
    assert condition in [binding.get("condition") for binding in kept]
    with pytest.raises(Forbidden):
        account.storage().bucket(bucket.name).blob("a").download_as_bytes()


@pytest.mark.rule(
    "storage.iam.test-permissions",
    "https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions",
)
def test_storage_tells_which_permissions_the_caller_has(
    guarded: GuardedCloud, place: Place
) -> None:
    bucket = guarded.account("roles/storage.objectCreator").storage().bucket(place.bucket)
    asked = ["storage.objects.create", "storage.objects.get", "storage.buckets.delete"]
    assert bucket.test_iam_permissions(asked) == ["storage.objects.create"]


@pytest.mark.rule("storage.iam.batch", "https://cloud.google.com/storage/docs/batch")
def test_every_call_of_a_batch_is_checked(guarded: GuardedCloud, place: Place) -> None:
    client = guarded.account("roles/storage.objectViewer").storage()
    bucket = client.bucket(place.bucket)
    with client.batch(raise_exception=False) as batch:
        bucket.blob("there.txt").reload()
        bucket.blob("there.txt").delete()
    assert [answer.status_code for answer in batch._responses] == [200, 403]


@pytest.mark.rule(
    "storage.iam.copy", "https://cloud.google.com/storage/docs/access-control/iam-json"
)
def test_a_copy_needs_both_ends(guarded: GuardedCloud, owner: Account, place: Place) -> None:
    account = guarded.account()
    target = owner.storage().create_bucket(unique("target"))
    policy = target.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectCreator", "members": {account.member}})
    target.set_iam_policy(policy)
    client = account.storage()
    copy = client.bucket(target.name).blob("copy")
    with pytest.raises(Forbidden, match=r"storage\.objects\.get"):
        copy.rewrite(client.bucket(place.bucket).blob("there.txt"))


@pytest.mark.rule("pubsub.iam.topic-policy", PUBSUB)
def test_a_binding_on_a_topic_opens_that_topic(guarded: GuardedCloud, owner: Account) -> None:
    account = guarded.account()
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    publisher = owner.publisher()
    publisher.create_topic(name=topic)
    mine = account.publisher()
    with pytest.raises(PermissionDenied, match="User not authorized") as caught:
        mine.publish(topic=topic, messages=[{"data": b"x"}])
    assert caught.value.reason == "IAM_PERMISSION_DENIED"
    assert caught.value.metadata["permission"] == "pubsub.topics.publish"
    policy = publisher.get_iam_policy(request={"resource": topic})
    policy.bindings.add(role="roles/pubsub.publisher", members=[account.member])
    publisher.set_iam_policy(request={"resource": topic, "policy": policy})
    assert mine.publish(topic=topic, messages=[{"data": b"x"}]).message_ids


@pytest.mark.rule("pubsub.iam.publisher", f"{PUBSUB}#pubsub.publisher")
def test_a_publisher_publishes_and_cannot_administer(guarded: GuardedCloud, owner: Account) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    owner.publisher().create_topic(name=topic)
    publisher = guarded.account("roles/pubsub.publisher").publisher()
    publisher.publish(topic=topic, messages=[{"data": b"x"}])
    for call in (
        lambda: publisher.create_topic(name=f"{topic}-2"),
        lambda: publisher.delete_topic(topic=topic),
        lambda: publisher.get_topic(topic=topic),
    ):
        with pytest.raises(PermissionDenied):
            call()


@pytest.mark.rule("pubsub.iam.subscriber", f"{PUBSUB}#pubsub.subscriber")
def test_a_subscriber_pulls_and_attaches_but_creates_no_subscription(
    guarded: GuardedCloud, owner: Account
) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    name = f"projects/{PROJECT}/subscriptions/{unique('sub')}"
    owner.publisher().create_topic(name=topic)
    owner.subscriber().create_subscription(name=name, topic=topic)
    owner.publisher().publish(topic=topic, messages=[{"data": b"x"}])
    subscriber = guarded.account("roles/pubsub.subscriber").subscriber()
    (received,) = subscriber.pull(subscription=name, max_messages=1).received_messages
    subscriber.acknowledge(subscription=name, ack_ids=[received.ack_id])
    with pytest.raises(PermissionDenied) as caught:
        subscriber.create_subscription(name=f"{name}-2", topic=topic)
    assert caught.value.metadata["permission"] == "pubsub.subscriptions.create"
    with pytest.raises(PermissionDenied):
        subscriber.delete_subscription(subscription=name)


@pytest.mark.rule("pubsub.iam.streaming", f"{PUBSUB}#required_permissions")
def test_a_stream_is_checked_at_its_first_request(guarded: GuardedCloud, owner: Account) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    name = f"projects/{PROJECT}/subscriptions/{unique('sub')}"
    owner.publisher().create_topic(name=topic)
    owner.subscriber().create_subscription(name=name, topic=topic)
    owner.publisher().publish(topic=topic, messages=[{"data": b"x"}])
    request = {"subscription": name, "stream_ack_deadline_seconds": 10}
    allowed = guarded.account("roles/pubsub.subscriber").subscriber()
    stream = allowed.streaming_pull(requests=iter([request]))
    delivered = (message for response in stream for message in response.received_messages)
    assert next(delivered).message.data == b"x"
    refused = guarded.account("roles/pubsub.publisher").subscriber()
    with pytest.raises(PermissionDenied):
        next(iter(refused.streaming_pull(requests=iter([request]))))


@pytest.mark.rule(
    "pubsub.iam.test-permissions",
    "https://cloud.google.com/pubsub/docs/access-control#testing_permissions",
)
def test_pubsub_tells_which_permissions_the_caller_has(
    guarded: GuardedCloud, owner: Account
) -> None:
    topic = f"projects/{PROJECT}/topics/{unique('topic')}"
    owner.publisher().create_topic(name=topic)
    publisher = guarded.account("roles/pubsub.publisher").publisher()
    asked = ["pubsub.topics.publish", "pubsub.topics.delete"]
    answer = publisher.test_iam_permissions(request={"resource": topic, "permissions": asked})
    assert list(answer.permissions) == ["pubsub.topics.publish"]


@pytest.mark.rule(
    "vertex.iam.custom-role", "https://docs.cloud.google.com/iam/docs/creating-custom-roles"
)
def test_a_custom_role_allows_prediction_and_no_more(guarded: GuardedCloud) -> None:
    session = guarded.account(f"projects/{PROJECT}/roles/predictor").session()
    base = f"{guarded.cloud.vertex}/v1/projects/{PROJECT}/locations/us-central1/endpoints"
    predicted = session.post(f"{base}/1:predict", json={"instances": [{}]})
    assert predicted.status_code == 404
    refused = session.get(base)
    assert refused.status_code == 403
    assert "'//aiplatform.googleapis.com/projects/" in refused.json()["error"]["message"]


@pytest.mark.rule("vision.iam.service-usage", "https://cloud.google.com/vision/docs/authentication")
def test_vision_needs_the_right_to_use_services_of_the_project(guarded: GuardedCloud) -> None:
    url = f"{guarded.cloud.vision}/v1/images:annotate"
    user = guarded.account("roles/serviceusage.serviceUsageConsumer").session()
    assert user.post(url, json={}).status_code == 400
    answer = guarded.account().session().post(url, json={})
    assert answer.status_code == 403
    assert "roles/serviceusage.serviceUsageConsumer" in answer.json()["error"]["message"]
    (detail,) = answer.json()["error"]["details"]
    assert detail["reason"] == "USER_PROJECT_DENIED"


@pytest.mark.rule(
    "secretmanager.iam.denial", "https://cloud.google.com/secret-manager/docs/access-control"
)
def test_secret_manager_refuses_in_its_own_words(guarded: GuardedCloud) -> None:
    name = f"projects/{PROJECT}/secrets/none/versions/latest"
    answer = guarded.account().session().get(f"{guarded.cloud.secretmanager}/v1/{name}:access")
    assert answer.json()["error"]["message"] == (
        f"Permission 'secretmanager.versions.access' denied for resource '{name}' "
        "(or it may not exist)."
    )


@pytest.mark.rule(
    "localcloud.auth.project-policy",
    "https://cloud.google.com/resource-manager/reference/rest/v1/projects/setIamPolicy",
)
def test_a_projects_policy_is_changed_by_googles_own_client(
    guarded: GuardedCloud, owner: Account
) -> None:
    account = guarded.account()
    projects = owner.api("cloudresourcemanager").projects()
    policy = projects.getIamPolicy(resource=PROJECT, body={}).execute()
    policy["bindings"].append({"role": "roles/storage.admin", "members": [account.member]})
    projects.setIamPolicy(resource=PROJECT, body={"policy": policy}).execute()
    assert list(account.storage().list_buckets()) != []
    with pytest.raises(HttpError, match="concurrent policy changes"):
        projects.setIamPolicy(resource=PROJECT, body={"policy": policy}).execute()
    with pytest.raises(HttpError, match=re.escape("resourcemanager.projects.setIamPolicy")):
        account.api("cloudresourcemanager").projects().setIamPolicy(
            resource=PROJECT, body={"policy": {}}
        ).execute()
