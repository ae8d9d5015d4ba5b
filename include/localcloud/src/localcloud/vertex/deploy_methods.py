"""Methods that deploy models to endpoints, change them there and remove them.

Source: https://cloud.google.com/vertex-ai/docs/predictions/deploy-model-api
"""

from __future__ import annotations

from typing import Any

from localcloud.bodies import message_of, whole
from localcloud.errors import GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.longrunning import Kind, Operations
from localcloud.state.database import Database
from localcloud.vertex import metadata
from localcloud.vertex.containers import Container, Containers
from localcloud.vertex.endpoints import Endpoints, check_deployment, find_deployed, without
from localcloud.vertex.listing import camel
from localcloud.vertex.models import Models
from localcloud.vertex.names import DEPLOYED_MODEL_ID, new_id, precondition, wrong_field
from localcloud.vertex.servers import ModelServers

Json = dict[str, Any]

_ENDPOINTS = "aiplatform.projects.locations.endpoints"
_READY_SECONDS = 10.0
"""How long a deployment waits for its model server; Google waits for minutes."""
_RESOURCES = ("dedicatedResources", "automaticResources")
_MUTABLE_RESOURCES = frozenset(
    {"minReplicaCount", "maxReplicaCount", "requiredReplicaCount", "autoscalingMetricSpecs"}
)


class DeployMethods:
    """endpoints.deployModel, undeployModel and mutateDeployedModel."""

    def __init__(
        self,
        *,
        database: Database,
        models: Models,
        endpoints: Endpoints,
        servers: ModelServers,
        containers: Containers,
        operations: Operations,
    ) -> None:
        self._database = database
        self._models = models
        self._endpoints = endpoints
        self._servers = servers
        self._containers = containers
        self._operations = operations
        for name, apply, prepare in (
            ("DeployModel", self._deploy, self._ready),
            ("UndeployModel", self._undeploy, None),
            ("MutateDeployedModel", self._mutate, None),
        ):
            response = f"{metadata.TYPES}{name}Response"
            operations.define(name, Kind(response, apply, prepare, metadata.finished))

    @serves(f"{_ENDPOINTS}.deployModel")
    def deploy(self, call: Call) -> Reply:
        body, name = message_of(call), call.params["endpoint"]
        endpoint = self._endpoints.get(name)
        wanted = body.get("deployedModel") or {}
        if not wanted.get("model"):
            raise wrong_field("deployed_model.model", "Required field is not set.")
        model = self._models.get(wanted["model"])
        _check_resources(wanted)
        model_id = wanted.get("id") or new_id()
        if wanted.get("id") and not DEPLOYED_MODEL_ID.fullmatch(model_id):
            raise wrong_field("deployed_model.id", "1 to 10 digits.")
        split = body.get("trafficSplit") or {}
        check_deployment(endpoint, model_id, split)
        deployed = {
            **wanted,
            "id": model_id,
            "model": model["name"],
            "modelVersionId": model["versionId"],
            "displayName": wanted.get("displayName") or model["displayName"],
        }
        return self._start("DeployModel", name, {"deployed": deployed, "split": split})

    def _ready(self, arguments: Json) -> None:
        """Wait for the model server, as Google does for the container that it started."""
        deployed = arguments["deployed"]
        model = self._models.get(f"{deployed['model']}@{deployed['modelVersionId']}")
        image = model["containerSpec"]["imageUri"]
        url = self._servers.url_of(image)
        if url is None:
            raise precondition(
                "Model server never became ready. No model server is registered for "
                f"{image}; start one and name it with --model-server {image}=http://127.0.0.1:PORT."
            )
        endpoint_id = arguments["name"].rpartition("/")[2]
        container = Container.of(url, model["containerSpec"], endpoint_id, deployed["id"])
        if not self._containers.wait_until_healthy(container, _READY_SECONDS):
            raise precondition(
                "Model server never became ready. Please validate that your container "
                f"configuration is valid: GET {url}{container.health_route} does not answer 200."
            )

    def _deploy(self, arguments: Json) -> Json:
        with self._database.write() as tx:
            self._models.get(arguments["deployed"]["model"])
            deployed = self._endpoints.deploy(
                tx, arguments["name"], arguments["deployed"], arguments["split"]
            )
        return {"deployedModel": deployed}

    @serves(f"{_ENDPOINTS}.undeployModel")
    def undeploy(self, call: Call) -> Reply:
        body, name = message_of(call), call.params["endpoint"]
        model_id = body.get("deployedModelId")
        if not model_id:
            raise wrong_field("deployed_model_id", "Required field is not set.")
        split = body.get("trafficSplit") or {}
        without(self._endpoints.get(name), model_id, split)
        return self._start("UndeployModel", name, {"id": model_id, "split": split})

    def _undeploy(self, arguments: Json) -> Json:
        with self._database.write() as tx:
            self._endpoints.undeploy(tx, arguments["name"], arguments["id"], arguments["split"])
        return {}

    @serves(f"{_ENDPOINTS}.mutateDeployedModel")
    def mutate(self, call: Call) -> Reply:
        body, name = message_of(call), call.params["endpoint"]
        wanted = body.get("deployedModel") or {}
        current = find_deployed(self._endpoints.get(name), wanted.get("id") or "")
        changed = _mutated(current, wanted, (body.get("updateMask") or "").split(","))
        _check_resources(changed)
        return self._start("MutateDeployedModel", name, {"deployed": changed})

    def _mutate(self, arguments: Json) -> Json:
        deployed = arguments["deployed"]
        with self._database.write() as tx:
            self._endpoints.change_deployed(tx, arguments["name"], deployed["id"], deployed)
        return {"deployedModel": deployed}

    def _start(self, kind: str, name: str, arguments: Json) -> Reply:
        operation = self._operations.start(
            name, kind, {"name": name, **arguments}, metadata.begun(kind)
        )
        return Reply.json(operation)


def _check_resources(deployed: Json) -> None:
    if deployed.get("sharedResources"):
        raise GoogleError.of(501, "Deployment resource pools are not served by the local cloud.")
    given = [field for field in _RESOURCES if deployed.get(field)]
    if len(given) != 1:
        raise wrong_field(
            "deployed_model.prediction_resources",
            "Set exactly one of dedicated_resources and automatic_resources.",
        )
    resources = deployed[given[0]]
    where = f"deployed_model.{'dedicated' if given == ['dedicatedResources'] else 'automatic'}"
    if given == ["dedicatedResources"]:
        if not resources.get("machineSpec", {}).get("machineType"):
            raise wrong_field(f"{where}_resources.machine_spec.machine_type", "Required.")
        if whole(resources.get("minReplicaCount"), "min_replica_count") < 1:
            raise wrong_field(f"{where}_resources.min_replica_count", "Must be at least 1.")
    least = whole(resources.get("minReplicaCount"), "min_replica_count")
    if whole(resources.get("maxReplicaCount") or least, "max_replica_count") < least:
        raise wrong_field(f"{where}_resources.max_replica_count", "Must not be below the minimum.")


def _mutated(current: Json, wanted: Json, mask: list[str]) -> Json:
    changed = {**current}
    paths = [tuple(camel(part) for part in path.split(".")) for path in mask if path.strip()]
    if not paths:
        raise invalid_argument("Update mask is required; name the fields to update.")
    for path in paths:
        match path:
            case ("disableContainerLogging",):
                changed["disableContainerLogging"] = wanted.get("disableContainerLogging", False)
            case (resources, field) if resources in _RESOURCES and field in _MUTABLE_RESOURCES:
                value = wanted.get(resources, {}).get(field)
                changed[resources] = {**changed.get(resources, {}), field: value}
            case _:
                raise invalid_argument(f"{'.'.join(path)} of a DeployedModel cannot be changed.")
    return changed
