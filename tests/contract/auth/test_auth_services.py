"""Roles of Vertex AI, Vision, Secret Manager and projects."""

from __future__ import annotations

import re

import pytest
from googleapiclient.errors import HttpError
from tests.contract.auth.clients import (
    PROJECT,
    Account,
    GuardedCloud,
    unique,
)
from tests.contract.auth.conftest import Place


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
    guarded: GuardedCloud, owner: Account, place: Place
) -> None:
    account = guarded.account()
    projects = owner.api("cloudresourcemanager").projects()
    policy = projects.getIamPolicy(resource=PROJECT, body={}).execute()
    policy["bindings"].append({"role": "roles/storage.admin", "members": [account.member]})
    projects.setIamPolicy(resource=PROJECT, body={"policy": policy}).execute()
    assert place.bucket in [bucket.name for bucket in account.storage().list_buckets()]
    with pytest.raises(HttpError, match="concurrent policy changes"):
        projects.setIamPolicy(resource=PROJECT, body={"policy": policy}).execute()
    with pytest.raises(HttpError, match=re.escape("resourcemanager.projects.setIamPolicy")):
        account.api("cloudresourcemanager").projects().setIamPolicy(
            resource=PROJECT, body={"policy": {}}
        ).execute()


@pytest.mark.rule(
    "secretmanager.iam.secret-policy",
    "https://cloud.google.com/secret-manager/docs/manage-access-to-secrets",
)
def test_a_binding_on_a_secret_opens_that_secret(guarded: GuardedCloud, owner: Account) -> None:
    base = f"{guarded.cloud.secretmanager}/v1"
    mine = owner.session()
    names = [f"projects/{PROJECT}/secrets/{unique('secret')}" for _ in range(2)]
    for name in names:
        parent, _, secret_id = name.rpartition("/")
        body = {"replication": {"automatic": {}}}
        mine.post(f"{base}/{parent}?secretId={secret_id}", json=body).raise_for_status()
        payload = {"payload": {"data": "c2VjcmV0"}}
        mine.post(f"{base}/{name}:addVersion", json=payload).raise_for_status()
    reader = guarded.account()
    binding = {"role": "roles/secretmanager.secretAccessor", "members": [reader.member]}
    body = {"policy": {"bindings": [binding]}}
    mine.post(f"{base}/{names[0]}:setIamPolicy", json=body).raise_for_status()
    statuses = [
        reader.session().get(f"{base}/{name}/versions/latest:access").status_code for name in names
    ]
    assert statuses == [200, 403]


@pytest.mark.rule(
    "vertex.iam.user", "https://docs.cloud.google.com/iam/docs/roles-permissions/aiplatform"
)
def test_a_vertex_user_may_even_delete_and_a_viewer_may_not_predict(guarded: GuardedCloud) -> None:
    base = f"{guarded.cloud.vertex}/v1/projects/{PROJECT}/locations/us-central1/endpoints"
    user = guarded.account("roles/aiplatform.user").session()
    assert user.get(base).ok
    assert user.delete(f"{base}/1").status_code == 404
    viewer = guarded.account("roles/aiplatform.viewer").session()
    assert viewer.get(base).ok
    assert viewer.post(f"{base}/1:predict", json={"instances": [{}]}).status_code == 403
