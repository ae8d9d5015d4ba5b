"""Vertex AI's model registry through Google's client over REST and through the discovery client."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as vertex
from googleapiclient.discovery import Resource, build
from googleapiclient.errors import HttpError
from tests.contract.conftest import RunningCloud

DOCS = "https://cloud.google.com/vertex-ai/docs"
REFERENCE = f"{DOCS}/reference/rest/v1/projects.locations.models"
PARENT = "projects/contract-tests/locations/europe-west4"
CONTAINER = {"image_uri": "europe-docker.pkg.dev/p/r/lung:1", "predict_route": "/predict"}


@pytest.fixture(scope="module")
def models(cloud: RunningCloud) -> vertex.ModelServiceClient:
    return vertex.ModelServiceClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": cloud.vertex},
    )


@pytest.fixture(scope="module")
def rest(cloud: RunningCloud) -> Resource:
    """The discovery client's models of one location."""
    service = build(
        "aiplatform",
        "v1",
        static_discovery=True,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.vertex},
    )
    return service.projects().locations().models()


def upload(models: vertex.ModelServiceClient, parent_model: str = "", **fields: Any) -> Any:
    model = {"display_name": f"model-{uuid.uuid4().hex[:8]}", "container_spec": CONTAINER, **fields}
    request = {"parent": PARENT, "model": model, "parent_model": parent_model}
    return models.upload_model(request).result(timeout=10)


@pytest.mark.rule("vertex.models.upload", f"{REFERENCE}/upload")
def test_an_uploaded_model_is_read_back_with_its_container(
    models: vertex.ModelServiceClient,
) -> None:
    uploaded = upload(models, labels={"use": "chest"}, description="finds nodules")
    found = models.get_model(name=uploaded.model)
    assert uploaded.model_version_id == found.version_id == "1"
    assert found.container_spec.image_uri == CONTAINER["image_uri"]
    assert (dict(found.labels), found.description) == ({"use": "chest"}, "finds nodules")
    assert found.create_time == found.version_create_time


@pytest.mark.rule("vertex.models.first-version-is-default", f"{DOCS}/model-registry/model-alias")
def test_the_first_version_is_the_default_and_a_later_one_can_become_it(
    models: vertex.ModelServiceClient,
) -> None:
    name = upload(models).model
    second = upload(models, parent_model=name)
    assert (second.model, second.model_version_id) == (name, "2")
    assert models.get_model(name=name).version_id == "1"
    upload(models, parent_model=name, version_aliases=["default"])
    assert models.get_model(name=name).version_id == "3"
    assert "default" not in models.get_model(name=f"{name}@1").version_aliases


@pytest.mark.rule("vertex.models.aliases", f"{REFERENCE}/mergeVersionAliases")
def test_an_alias_belongs_to_one_version_and_moves(models: vertex.ModelServiceClient) -> None:
    name = upload(models, version_aliases=["golden", "stable"]).model
    upload(models, parent_model=name)
    models.merge_version_aliases(name=f"{name}@2", version_aliases=["golden"])
    assert models.get_model(name=f"{name}@golden").version_id == "2"
    assert sorted(models.get_model(name=f"{name}@1").version_aliases) == ["default", "stable"]
    models.merge_version_aliases(name=f"{name}@2", version_aliases=["-golden"])
    with pytest.raises(exceptions.NotFound):
        models.get_model(name=f"{name}@golden")
    with pytest.raises(exceptions.BadRequest, match="default"):
        models.merge_version_aliases(name=f"{name}@1", version_aliases=["-default"])


@pytest.mark.rule("vertex.models.alias-format", REFERENCE)
@pytest.mark.parametrize("alias", ["1", "Golden", "a", "golden-", "x" * 129])
def test_an_alias_that_could_be_a_version_is_refused(
    models: vertex.ModelServiceClient, alias: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match="alias"):
        upload(models, version_aliases=[alias])


@pytest.mark.rule("vertex.models.list-versions", f"{REFERENCE}/listVersions")
def test_versions_are_listed_with_their_ids_in_pages(models: vertex.ModelServiceClient) -> None:
    name = upload(models).model
    for _ in range(2):
        upload(models, parent_model=name)
    listed = models.list_model_versions(request={"name": name, "page_size": 2})
    assert [version.name for version in listed] == [f"{name}@{number}" for number in (1, 2, 3)]
    newest = models.list_model_versions(request={"name": name, "order_by": "create_time desc"})
    assert [version.version_id for version in newest] == ["3", "2", "1"]


@pytest.mark.rule("vertex.models.delete-version", f"{REFERENCE}/deleteVersion")
def test_a_deleted_default_passes_the_alias_on_and_the_last_version_stays(
    models: vertex.ModelServiceClient,
) -> None:
    name = upload(models).model
    upload(models, parent_model=name)
    models.delete_model_version(name=f"{name}@1").result(timeout=10)
    assert models.get_model(name=name).version_id == "2"
    with pytest.raises(exceptions.BadRequest, match="only version"):
        models.delete_model_version(name=f"{name}@2")
    assert upload(models, parent_model=name).model_version_id == "3"


@pytest.mark.rule("vertex.models.delete", f"{DOCS}/model-registry/delete-model")
def test_a_deleted_model_is_gone_with_all_versions(models: vertex.ModelServiceClient) -> None:
    name = upload(models).model
    upload(models, parent_model=name)
    models.delete_model(name=name).result(timeout=10)
    for gone in (name, f"{name}@2"):
        with pytest.raises(exceptions.NotFound):
            models.get_model(name=gone)
    with pytest.raises(exceptions.NotFound):
        upload(models, parent_model=name)


@pytest.mark.rule("vertex.models.filter", f"{REFERENCE}/list")
def test_models_are_found_by_name_id_and_label(
    models: vertex.ModelServiceClient, rest: Resource
) -> None:
    tag = uuid.uuid4().hex[:8]
    names = [
        upload(
            models, display_name=f"{tag}-{letter}", labels={"batch": tag, "letter": letter}
        ).model
        for letter in "ab"
    ]

    def found(expression: str) -> list[str]:
        answer = rest.list(parent=PARENT, filter=expression, orderBy="display_name").execute()
        return [model["name"] for model in answer.get("models", [])]

    assert found(f"labels.batch={tag}") == names
    assert found(f'displayName="{tag}-b"') == found(f"model={names[1].split('/')[-1]}") == names[1:]
    assert found(f"labels.batch={tag} AND NOT labels.letter=b") == names[:1]
    assert found(f"labels.{tag}:* OR display_name={tag}-a") == names[:1]
    with pytest.raises(HttpError, match="Invalid filter"):
        found("colour=red")


@pytest.mark.rule("vertex.models.patch", f"{REFERENCE}/patch")
def test_a_patch_needs_a_mask_and_the_current_etag(
    models: vertex.ModelServiceClient, rest: Resource
) -> None:
    name = upload(models, description="old").model
    before = rest.get(name=name).execute()
    body = {"description": "new", "etag": before["etag"]}
    after = rest.patch(name=name, updateMask="description", body=body).execute()
    assert (after["description"], after["displayName"]) == ("new", before["displayName"])
    for mask, changed, status in (("description", body, 409), ("name", {}, 400), ("", {}, 400)):
        with pytest.raises(HttpError) as refused:
            rest.patch(name=name, updateMask=mask, body=changed).execute()
        assert refused.value.status_code == status


@pytest.mark.rule("vertex.models.required-fields", f"{REFERENCE}/upload")
@pytest.mark.parametrize(
    ("model", "field"),
    [
        ({"containerSpec": {"imageUri": "i"}}, "display_name"),
        ({"displayName": "x" * 129, "containerSpec": {"imageUri": "i"}}, "display_name"),
        ({"displayName": "x"}, "image_uri"),
        ({"displayName": "x", "containerSpec": {"imageUri": "i", "predictRoute": "p"}}, "predict"),
        ({"displayName": "x", "containerSpec": {"imageUri": "i"}, "labels": {"A": "b"}}, "labels"),
    ],
)
def test_a_wrong_field_is_named(rest: Resource, model: dict[str, Any], field: str) -> None:
    with pytest.raises(HttpError, match=field) as refused:
        rest.upload(parent=PARENT, body={"model": model}).execute()
    assert refused.value.status_code == 400


@pytest.mark.rule("vertex.models.own-id", f"{REFERENCE}/upload")
def test_an_id_of_ones_own_is_taken_once(rest: Resource) -> None:
    model_id = f"m-{uuid.uuid4().hex}"
    model = {"displayName": "x", "containerSpec": {"imageUri": "i"}}
    body = {"modelId": model_id, "model": model}
    uploaded = rest.upload(parent=PARENT, body=body).execute()["response"]
    assert uploaded["model"] == f"{PARENT}/models/{model_id}"
    assert rest.upload(parent=PARENT, body=body).execute()["error"]["code"] == 6
    with pytest.raises(HttpError, match="model_id"):
        rest.upload(parent=PARENT, body={**body, "modelId": "1st"}).execute()


@pytest.mark.rule("vertex.models.iam-policy", f"{REFERENCE}/setIamPolicy")
def test_a_policy_is_kept_until_its_etag_is_stale(
    models: vertex.ModelServiceClient, rest: Resource
) -> None:
    name = upload(models).model
    policy = rest.getIamPolicy(resource=name).execute()
    member = "serviceAccount:reader@p.iam.gserviceaccount.com"
    policy["bindings"] = [{"role": "roles/aiplatform.viewer", "members": [member]}]
    rest.setIamPolicy(resource=name, body={"policy": policy}).execute()
    kept = rest.getIamPolicy(resource=name).execute()
    assert kept["bindings"] == policy["bindings"]
    with pytest.raises(HttpError) as refused:
        rest.setIamPolicy(resource=name, body={"policy": policy}).execute()
    assert refused.value.status_code == 409
