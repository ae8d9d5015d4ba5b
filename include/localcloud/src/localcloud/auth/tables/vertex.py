"""Vertex AI: endpoints, models and their operations.

Source: https://docs.cloud.google.com/iam/docs/roles-permissions/aiplatform
"""

from __future__ import annotations

from localcloud.auth.needs import NOTHING, Needs, Table, need

_LOCATIONS = "aiplatform.projects.locations"
_NAME, _PARENT, _ENDPOINT = "{name}", "{parent}", "{endpoint}"
_PREDICT = need("aiplatform.endpoints.predict", _ENDPOINT)


def _collection(kind: str) -> dict[str, Needs]:
    return {
        f"{_LOCATIONS}.{kind}.list": need(f"aiplatform.{kind}.list", _PARENT),
        f"{_LOCATIONS}.{kind}.get": need(f"aiplatform.{kind}.get", _NAME),
        f"{_LOCATIONS}.{kind}.patch": need(f"aiplatform.{kind}.update", _NAME),
        f"{_LOCATIONS}.{kind}.delete": need(f"aiplatform.{kind}.delete", _NAME),
    }


def _operations(prefix: str) -> dict[str, Needs]:
    # An operation is known only to who began it: its name is the key.
    rows = {f"{prefix}.operations.{verb}": NOTHING for verb in ("get", "wait", "cancel", "delete")}
    return {**rows, f"{prefix}.operations.list": need("aiplatform.operations.list", _NAME)}


TABLE: Table = {
    **_collection("endpoints"),
    **_collection("models"),
    f"{_LOCATIONS}.endpoints.create": need("aiplatform.endpoints.create", _PARENT),
    f"{_LOCATIONS}.endpoints.update": need("aiplatform.endpoints.update", _NAME),
    f"{_LOCATIONS}.endpoints.deployModel": need("aiplatform.endpoints.deploy", _ENDPOINT),
    f"{_LOCATIONS}.endpoints.mutateDeployedModel": need("aiplatform.endpoints.deploy", _ENDPOINT),
    f"{_LOCATIONS}.endpoints.undeployModel": need("aiplatform.endpoints.undeploy", _ENDPOINT),
    f"{_LOCATIONS}.endpoints.predict": _PREDICT,
    f"{_LOCATIONS}.endpoints.rawPredict": _PREDICT,
    f"{_LOCATIONS}.endpoints.directPredict": _PREDICT,
    f"{_LOCATIONS}.endpoints.streamRawPredict": _PREDICT,
    f"{_LOCATIONS}.endpoints.explain": need("aiplatform.endpoints.explain", _ENDPOINT),
    f"{_LOCATIONS}.models.upload": need("aiplatform.models.upload", _PARENT),
    f"{_LOCATIONS}.models.listVersions": need("aiplatform.models.list", _NAME),
    f"{_LOCATIONS}.models.deleteVersion": need("aiplatform.models.delete", _NAME),
    f"{_LOCATIONS}.models.mergeVersionAliases": need("aiplatform.models.update", _NAME),
    # The page of roles lists no permissions for the policies of models.
    f"{_LOCATIONS}.models.getIamPolicy": need("aiplatform.models.get", "{resource}"),
    f"{_LOCATIONS}.models.setIamPolicy": need("aiplatform.models.update", "{resource}"),
    f"{_LOCATIONS}.models.testIamPermissions": NOTHING,
    **_operations(_LOCATIONS),
    **_operations(f"{_LOCATIONS}.endpoints"),
    **_operations(f"{_LOCATIONS}.models"),
    f"{_LOCATIONS}.get": need("aiplatform.locations.get", _NAME),
    f"{_LOCATIONS}.list": need("aiplatform.locations.list", _NAME),
}
