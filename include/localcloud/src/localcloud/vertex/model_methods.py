"""Methods of models and their versions."""

from __future__ import annotations

from typing import Any

from localcloud.bodies import message_of
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.longrunning import Kind, Operations
from localcloud.policies import Policies
from localcloud.state.database import Database
from localcloud.vertex import metadata
from localcloud.vertex.endpoints import Endpoints
from localcloud.vertex.listing import listed, masked
from localcloud.vertex.models import Models, check_aliases
from localcloud.vertex.names import (
    DEFAULT_ALIAS,
    MODEL_ID,
    check_common,
    missing,
    new_id,
    precondition,
    split_version,
    wrong_field,
)

Json = dict[str, Any]

_MODELS = "aiplatform.projects.locations.models"
_MUTABLE = frozenset({"description", "displayName", "explanationSpec", "labels"})
_MUTABLE_VERSION = frozenset({"versionDescription"})


class ModelMethods:
    """models.upload, get, list, patch, delete, versions, aliases and IAM policies."""

    def __init__(
        self, database: Database, models: Models, endpoints: Endpoints, operations: Operations
    ) -> None:
        self._database = database
        self._models = models
        self._endpoints = endpoints
        self._policies = Policies(database)
        self._operations = operations
        response = f"{metadata.TYPES}UploadModelResponse"
        end = metadata.finished
        operations.define("UploadModel", Kind(response, self._upload, finished=end))
        operations.define("DeleteModel", Kind(metadata.EMPTY, self._delete, finished=end))

    @serves(f"{_MODELS}.upload")
    def upload(self, call: Call) -> Reply:
        body = message_of(call)
        model = body.get("model") or {}
        _check_upload(model)
        parent = split_version(body.get("parentModel") or "")[0]
        if parent:
            self._models.get(parent)
        model_id = body.get("modelId") or new_id()
        if body.get("modelId") and not MODEL_ID.fullmatch(model_id):
            raise wrong_field("model_id", "Up to 63 of [a-z0-9_-], no digit or hyphen first.")
        name = parent or f"{call.params['parent']}/models/{model_id}"
        arguments = {"name": name, "model": model, "new": not parent}
        return self._start(name, "UploadModel", arguments)

    def _upload(self, arguments: Json) -> Json:
        with self._database.write() as tx:
            model = self._models.add(tx, arguments["name"], arguments["model"], arguments["new"])
        return {"model": arguments["name"], "modelVersionId": model["versionId"]}

    @serves(f"{_MODELS}.get")
    def get(self, call: Call) -> Reply:
        return Reply.json(self._shown(self._models.get(call.params["name"])))

    @serves(f"{_MODELS}.list")
    def list(self, call: Call) -> Reply:
        models = [self._shown(model) for model in self._models.defaults(call.params["parent"])]
        return Reply.json(listed(call, "models", models))

    @serves(f"{_MODELS}.listVersions")
    def list_versions(self, call: Call) -> Reply:
        name = split_version(call.params["name"])[0]
        versions = [self._shown(version) for version in self._models.versions(name)]
        if not versions:
            raise missing("Model", name)
        named = [{**v, "name": f"{name}@{v['versionId']}"} for v in versions]
        return Reply.json(listed(call, "models", named, by_version=True))

    @serves(f"{_MODELS}.patch")
    def patch(self, call: Call) -> Reply:
        """Update a version, or the default one; an etag that is given must be the current one."""
        body, name = message_of(call), call.params["name"]
        changes = masked(call, body, _MUTABLE | _MUTABLE_VERSION)
        with self._database.write() as tx:
            current = self._models.get(name)
            check_common({**current, **changes}, "model")
            if body.get("etag") and body["etag"] != _etag(current):
                raise GoogleError(409, "ABORTED", f"The etag is not that of {name}; read it anew.")
            updated = self._models.update(tx, f"{current['name']}@{current['versionId']}", changes)
        return Reply.json(self._shown(updated))

    @serves(f"{_MODELS}.mergeVersionAliases")
    def merge_aliases(self, call: Call) -> Reply:
        changes = message_of(call).get("versionAliases") or []
        if not changes:
            raise invalid_argument("version_aliases is required.")
        with self._database.write() as tx:
            model = self._models.merge_aliases(tx, call.params["name"], changes)
        return Reply.json(self._shown(model))

    @serves(f"{_MODELS}.delete")
    def delete(self, call: Call) -> Reply:
        name = call.params["name"]
        if "@" in name:
            raise invalid_argument(f"{name} is a version; use deleteVersion.")
        return self._start_deletion(name)

    @serves(f"{_MODELS}.deleteVersion")
    def delete_version(self, call: Call) -> Reply:
        name = call.params["name"]
        if "@" not in name:
            raise invalid_argument(f"{name} names no version; add @VERSION.")
        version = self._models.get(name)
        if len(self._models.versions(version["name"])) == 1:
            raise precondition(f"{name} is the only version of its Model; delete the Model.")
        return self._start_deletion(f"{version['name']}@{version['versionId']}")

    def _start_deletion(self, name: str) -> Reply:
        self._models.get(name)
        self._check_undeployed(name)
        operation = self._operations.start(
            split_version(name)[0], "DeleteModel", {"name": name}, metadata.begun("Delete")
        )
        return Reply.json(operation)

    def _delete(self, arguments: Json) -> Json:
        name = arguments["name"]
        with self._database.write() as tx:
            self._check_undeployed(name)
            if "@" in name:
                self._models.delete_version(tx, name)
            else:
                self._models.delete(tx, name)
        return {}

    def _check_undeployed(self, name: str) -> None:
        model, version = split_version(name)
        for endpoint, deployed in self._endpoints.deployments(model):
            if "@" not in name or deployed["modelVersionId"] == version:
                raise precondition(f"{name} is deployed to `{endpoint}`; undeploy it first.")

    @serves(f"{_MODELS}.getIamPolicy")
    def get_policy(self, call: Call) -> Reply:
        self._models.get(call.params["resource"])
        return Reply.json(self._policies.get(call.params["resource"]))

    @serves(f"{_MODELS}.setIamPolicy")
    def set_policy(self, call: Call) -> Reply:
        self._models.get(call.params["resource"])
        policy = message_of(call).get("policy") or {}
        return Reply.json(self._policies.set(call.params["resource"], policy))

    def _start(self, name: str, kind: str, arguments: Json) -> Reply:
        operation = self._operations.start(name, kind, arguments, metadata.begun(kind))
        return Reply.json(operation)

    def _shown(self, model: Json) -> Json:
        """Return a version with its etag and with where it is deployed."""
        deployed = [
            {"endpoint": endpoint, "deployedModelId": one["id"]}
            for endpoint, one in self._endpoints.deployments(model["name"])
            if one["modelVersionId"] == model["versionId"]
        ]
        shown = {**model, "etag": _etag(model)}
        return {**shown, "deployedModels": deployed} if deployed else shown


def _check_upload(model: Json) -> None:
    check_common(model, "model")
    container = model.get("containerSpec") or {}
    if not container.get("imageUri"):
        raise wrong_field("model.container_spec.image_uri", "Required field is not set.")
    for field in ("predictRoute", "healthRoute"):
        if container.get(field) and not container[field].startswith("/"):
            raise wrong_field(f"model.container_spec.{field}", "A route begins with '/'.")
    aliases = model.get("versionAliases") or []
    check_aliases(aliases)
    if any(alias.startswith("-") for alias in aliases):
        raise wrong_field("model.version_aliases", f"Only aliases to add, as {DEFAULT_ALIAS!r}.")


def _etag(model: Json) -> str:
    return f'"{model["updateTime"]}"'
