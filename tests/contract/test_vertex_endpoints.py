"""Vertex AI's endpoints, deployments and operations through Google's client over REST."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as vertex
from googleapiclient.discovery import Resource, build
from googleapiclient.errors import HttpError
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.model_server import ModelServer, running_model_server

DOCS = "https://cloud.google.com/vertex-ai/docs"
REFERENCE = f"{DOCS}/reference/rest/v1/projects.locations.endpoints"
OPERATIONS = f"{DOCS}/general/long-running-operations"
CONTAINER = f"{DOCS}/predictions/custom-container-requirements"
PARENT = "projects/contract-tests/locations/us-central1"
MACHINE = {"machine_spec": {"machine_type": "n1-standard-4"}, "min_replica_count": 1}


class Clients:
    """The official clients of one local cloud."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.url = cloud.vertex
        options: Any = {
            "credentials": AnonymousCredentials(),
            "transport": "rest",
            "client_options": {"api_endpoint": cloud.vertex},
        }
        self.models = vertex.ModelServiceClient(**options)
        self.endpoints = vertex.EndpointServiceClient(**options)
        self.predictions = vertex.PredictionServiceClient(**options)

    def rest(self) -> Resource:
        """The discovery client's locations."""
        service = build(
            "aiplatform",
            "v1",
            static_discovery=True,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.url},
        )
        return service.projects().locations()

    def upload(self, image: str, **container: Any) -> str:
        spec = {"image_uri": image, **container}
        model = {"display_name": f"model-{uuid.uuid4().hex[:8]}", "container_spec": spec}
        return self.models.upload_model(parent=PARENT, model=model).result(timeout=10).model

    def create(self, **fields: Any) -> str:
        endpoint = {"display_name": f"endpoint-{uuid.uuid4().hex[:8]}", **fields}
        made = self.endpoints.create_endpoint(parent=PARENT, endpoint=endpoint)
        return made.result(timeout=10).name

    def deploy(self, endpoint: str, model: str, split: Any = None, **fields: Any) -> Any:
        deployed = {"model": model, "dedicated_resources": MACHINE, **fields}
        request = {"endpoint": endpoint, "deployed_model": deployed, "traffic_split": split}
        return self.endpoints.deploy_model(request).result(timeout=20).deployed_model


@pytest.fixture(scope="module")
def clients(cloud: RunningCloud) -> Clients:
    return Clients(cloud)


@pytest.fixture(scope="module")
def server(cloud: RunningCloud) -> Iterator[ModelServer]:
    """A healthy model server, registered for the image ``registry/lung``."""
    with running_model_server() as running:
        cloud.admin("PUT", "model-servers", {"image": "registry/lung", "url": running.url})
        yield running
        cloud.admin("DELETE", "model-servers?image=registry/lung")


@pytest.fixture(scope="module")
def model(clients: Clients, server: ModelServer) -> str:
    """A model that the server stands in for."""
    return clients.upload("registry/lung:v1", predict_route="/predict", health_route="/health")


@pytest.mark.rule("vertex.endpoints.create", f"{REFERENCE}/create")
def test_an_endpoint_is_created_listed_and_deleted(clients: Clients) -> None:
    name = clients.create(labels={"use": "chest"})
    found = clients.endpoints.get_endpoint(name=name)
    assert dict(found.labels) == {"use": "chest"}
    listed = clients.endpoints.list_endpoints(
        request={"parent": PARENT, "filter": f"endpoint={name.split('/')[-1]}"}
    )
    assert [endpoint.name for endpoint in listed] == [name]
    clients.endpoints.delete_endpoint(name=name).result(timeout=10)
    with pytest.raises(exceptions.NotFound):
        clients.endpoints.get_endpoint(name=name)


@pytest.mark.rule("vertex.endpoints.own-id", f"{REFERENCE}/create")
def test_an_endpoint_id_of_ones_own_follows_googles_rule(clients: Clients) -> None:
    endpoints = clients.rest().endpoints()
    own = f"e{uuid.uuid4().hex}"
    body = {"displayName": "x"}
    made = endpoints.create(parent=PARENT, endpointId=own, body=body).execute()
    assert made["response"]["name"] == f"{PARENT}/endpoints/{own}"
    for bad in ("Upper", "ends-", "0123", "1234567890"):
        with pytest.raises(HttpError, match="endpoint_id"):
            endpoints.create(parent=PARENT, endpointId=bad, body=body).execute()


@pytest.mark.rule("vertex.endpoints.deploy", f"{REFERENCE}/deployModel")
def test_a_deployed_model_keeps_its_machines_and_its_version(clients: Clients, model: str) -> None:
    endpoint = clients.create()
    deployed = clients.deploy(endpoint, model, {"0": 100}, display_name="first")
    found = clients.endpoints.get_endpoint(name=endpoint)
    assert [d.id for d in found.deployed_models] == [deployed.id]
    assert (deployed.model, deployed.model_version_id) == (model, "1")
    assert deployed.dedicated_resources.machine_spec.machine_type == "n1-standard-4"
    assert dict(found.traffic_split) == {deployed.id: 100}
    deployments = clients.models.get_model(name=model).deployed_models
    assert (endpoint, deployed.id) in {(d.endpoint, d.deployed_model_id) for d in deployments}


@pytest.mark.rule("vertex.endpoints.traffic-split-sum", REFERENCE)
@pytest.mark.parametrize("split", [{"0": 99}, {"0": 100, "77": 0}, {"0": 60, "77": 40}])
def test_a_split_adds_up_to_100_over_models_that_are_deployed(
    clients: Clients, model: str, split: dict[str, int]
) -> None:
    endpoint = clients.create()
    with pytest.raises(exceptions.BadRequest, match="traffic_split"):
        clients.deploy(endpoint, model, split)
    assert not clients.endpoints.get_endpoint(name=endpoint).deployed_models


@pytest.mark.rule("vertex.endpoints.undeploy", f"{REFERENCE}/undeployModel")
def test_a_model_with_traffic_is_undeployed_only_with_a_new_split(
    clients: Clients, model: str
) -> None:
    endpoint = clients.create()
    first = clients.deploy(endpoint, model, {"0": 100}).id
    second = clients.deploy(endpoint, model, {"0": 50, first: 50}).id
    undeploy = clients.endpoints.undeploy_model
    with pytest.raises(exceptions.BadRequest, match="traffic"):
        undeploy(endpoint=endpoint, deployed_model_id=first)
    undeploy(endpoint=endpoint, deployed_model_id=first, traffic_split={second: 100}).result(10)
    with pytest.raises(exceptions.NotFound):
        undeploy(endpoint=endpoint, deployed_model_id=first)
    # The last one takes its traffic with it.
    undeploy(endpoint=endpoint, deployed_model_id=second).result(10)
    assert not clients.endpoints.get_endpoint(name=endpoint).traffic_split


@pytest.mark.rule("vertex.endpoints.delete-empty-only", f"{DOCS}/predictions/undeploy-model")
def test_neither_endpoint_nor_model_is_deleted_while_it_is_deployed(
    clients: Clients, server: ModelServer
) -> None:
    model, endpoint = clients.upload("registry/lung"), clients.create()
    deployed = clients.deploy(endpoint, model).id
    with pytest.raises(exceptions.BadRequest, match="undeploy"):
        clients.endpoints.delete_endpoint(name=endpoint)
    with pytest.raises(exceptions.BadRequest, match="undeploy"):
        clients.models.delete_model(name=model)
    clients.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id=deployed).result(10)
    clients.models.delete_model(name=model).result(10)
    clients.endpoints.delete_endpoint(name=endpoint).result(10)


@pytest.mark.rule("vertex.endpoints.mutate-deployed-model", f"{REFERENCE}/mutateDeployedModel")
def test_replicas_of_a_deployed_model_change_and_its_machines_do_not(
    clients: Clients, model: str
) -> None:
    endpoint = clients.create()
    deployed = clients.deploy(endpoint, model)
    wanted = {"id": deployed.id, "dedicated_resources": {"max_replica_count": 3}}
    mutate = clients.endpoints.mutate_deployed_model
    changed = mutate(
        endpoint=endpoint,
        deployed_model=wanted,
        update_mask={"paths": ["dedicated_resources.max_replica_count"]},
    ).result(10)
    assert changed.deployed_model.dedicated_resources.max_replica_count == 3
    assert changed.deployed_model.dedicated_resources.machine_spec.machine_type == "n1-standard-4"
    with pytest.raises(exceptions.BadRequest, match="cannot be changed"):
        mutate(
            endpoint=endpoint,
            deployed_model=wanted,
            update_mask={"paths": ["dedicated_resources.machine_spec"]},
        )


@pytest.mark.rule("vertex.endpoints.patch-traffic", f"{REFERENCE}/patch")
def test_traffic_is_moved_by_a_patch(clients: Clients, model: str) -> None:
    endpoint = clients.create()
    first = clients.deploy(endpoint, model, {"0": 100}).id
    second = clients.deploy(endpoint, model).id
    patched = clients.endpoints.update_endpoint(
        endpoint={"name": endpoint, "traffic_split": {first: 10, second: 90}},
        update_mask={"paths": ["traffic_split"]},
    )
    assert dict(patched.traffic_split) == {first: 10, second: 90}
    with pytest.raises(exceptions.BadRequest, match="add up to 100"):
        clients.endpoints.update_endpoint(
            endpoint={"name": endpoint, "traffic_split": {first: 10}},
            update_mask={"paths": ["traffic_split"]},
        )


@pytest.mark.rule("vertex.endpoints.prediction-resources", f"{REFERENCE}/deployModel")
@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({}, "prediction_resources"),
        ({"dedicatedResources": {"minReplicaCount": 1}}, "machine_type"),
        ({"dedicatedResources": {"machineSpec": {"machineType": "m"}}}, "min_replica_count"),
        ({"automaticResources": {"minReplicaCount": 2, "maxReplicaCount": 1}}, "max_replica_count"),
    ],
)
def test_a_deployment_says_what_it_runs_on(
    clients: Clients, model: str, resources: dict[str, Any], field: str
) -> None:
    body = {"deployedModel": {"model": model, **resources}}
    with pytest.raises(HttpError, match=field) as refused:
        clients.rest().endpoints().deployModel(endpoint=clients.create(), body=body).execute()
    assert refused.value.status_code == 400


@pytest.mark.rule("vertex.container.health-route", CONTAINER)
def test_a_model_is_deployed_once_its_server_is_healthy(
    clients: Clients, server: ModelServer
) -> None:
    plain, endpoint = clients.upload("registry/lung"), clients.create()
    server.received.clear()
    deployed = clients.deploy(endpoint, plain)
    default = f"/v1/endpoints/{endpoint.split('/')[-1]}/deployedModels/{deployed.id}"
    assert [(request.verb, request.path) for request in server.received] == [("GET", default)]


@pytest.mark.rule("localcloud.vertex.unregistered-image", "include/localcloud/docs/vertex.md")
def test_a_model_without_a_server_is_not_deployed(clients: Clients) -> None:
    absent, endpoint = clients.upload("registry/absent"), clients.create()
    with pytest.raises(exceptions.FailedPrecondition, match=r"never became ready.*registry/absent"):
        clients.deploy(endpoint, absent)
    assert not clients.endpoints.get_endpoint(name=endpoint).deployed_models


@pytest.mark.rule("vertex.operations.metadata", OPERATIONS)
def test_an_operation_tells_its_kind_and_its_times_and_is_found_again(clients: Clients) -> None:
    locations = clients.rest()
    begun = locations.endpoints().create(parent=PARENT, body={"displayName": "x"}).execute()
    assert begun["metadata"]["@type"].endswith("v1.CreateEndpointOperationMetadata")
    assert set(begun["metadata"]["genericMetadata"]) == {"createTime", "updateTime"}
    assert begun["name"].startswith(f"{begun['response']['name']}/operations/")
    operations = locations.endpoints().operations()
    assert operations.get(name=begun["name"]).execute() == begun
    listed = operations.list(name=begun["response"]["name"]).execute()
    assert listed["operations"] == [begun]
    operations.delete(name=begun["name"]).execute()
    with pytest.raises(HttpError) as gone:
        operations.get(name=begun["name"]).execute()
    assert gone.value.status_code == 404


@pytest.mark.rule("vertex.operations.take-time", OPERATIONS)
def test_an_operation_takes_its_time_survives_a_kill_and_can_be_cancelled(
    start_cloud: StartCloud, tmp_path: Path
) -> None:
    slow = "--set=operation_seconds=1.5"
    with start_cloud(tmp_path, slow) as running:
        endpoints = Clients(running).rest().endpoints()
        begun = endpoints.create(parent=PARENT, body={"displayName": "kept"}).execute()
        dropped = endpoints.create(parent=PARENT, body={"displayName": "dropped"}).execute()
        assert "done" not in begun
        assert endpoints.list(parent=PARENT).execute() == {}
        endpoints.operations().cancel(name=dropped["name"]).execute()
        cancelled = endpoints.operations().get(name=dropped["name"]).execute()
        assert (cancelled["done"], cancelled["error"]["code"]) == (True, 1)
        running.process.kill()
    with start_cloud(tmp_path, slow) as running:
        endpoints = Clients(running).rest().endpoints()
        done = endpoints.operations().wait(name=begun["name"], timeout="10s").execute()
        assert done["response"]["displayName"] == "kept"
        (listed,) = endpoints.list(parent=PARENT).execute()["endpoints"]
        assert listed["displayName"] == "kept"


@pytest.mark.rule("localcloud.vertex.stop-while-deploying", "include/localcloud/docs/vertex.md")
def test_a_deployment_that_waits_when_the_cloud_stops_goes_on_at_the_next_start(
    start_cloud: StartCloud, tmp_path: Path
) -> None:
    slow = "--set=operation_seconds=0.1"
    with running_model_server() as server:
        server.health = 503
        given = f"--model-server=registry/late={server.url}"
        with start_cloud(tmp_path, slow, given) as running:
            clients = Clients(running)
            endpoint, model = clients.create(), clients.upload("registry/late")
            begun = clients.endpoints.deploy_model(
                endpoint=endpoint, deployed_model={"model": model, "dedicated_resources": MACHINE}
            )
            while not server.received:
                assert running.process.poll() is None
            running.process.terminate()
            assert running.process.wait(8) == 0
        server.health = 200
        with start_cloud(tmp_path, slow, given) as running:
            operations = Clients(running).rest().endpoints().operations()
            done = operations.wait(name=begun.operation.name, timeout="10s").execute()
            assert done["response"]["deployedModel"]["model"] == model


@pytest.mark.rule("localcloud.vertex.model-servers", "include/localcloud/docs/vertex.md")
def test_model_servers_are_registered_at_the_start_and_at_the_admin_door(
    start_cloud: StartCloud, tmp_path: Path
) -> None:
    with running_model_server() as server:
        given = f"--model-server=registry/given={server.url}"
        with start_cloud(tmp_path, given) as running:
            added = {"image": "registry/added", "url": server.url}
            both = {"registry/given": server.url, "registry/added": server.url}
            assert running.admin("PUT", "model-servers", added) == both
            for wrong in ("ftp://127.0.0.1", "http://", "127.0.0.1:80", 5):
                answer = requests.put(
                    f"{running.storage}/_localcloud/model-servers",
                    data=json.dumps({"image": "x", "url": wrong}),
                    timeout=10,
                )
                assert answer.status_code == 400
            clients = Clients(running)
            endpoint = clients.create()
            clients.deploy(endpoint, clients.upload("registry/given@sha256:0"), {"0": 100})
            running.process.kill()
        with start_cloud(tmp_path) as running:
            assert running.admin("GET", "model-servers") == {"registry/added": server.url}
            # What is deployed stays deployed; without its server it cannot predict.
            with pytest.raises(exceptions.ServiceUnavailable, match="registry/given"):
                Clients(running).predictions.predict(endpoint=endpoint, instances=[{}])
            started = time.monotonic()
        assert time.monotonic() - started < 20


@pytest.mark.rule("vertex.json.null", "https://protobuf.dev/programming-guides/json/")
def test_null_is_a_field_that_is_not_set_and_no_element_of_a_list(
    clients: Clients, model: str
) -> None:
    def post(path: str, body: object) -> requests.Response:
        return requests.post(f"{clients.url}/v1/{path}", json=body, timeout=10)

    unset = {"displayName": "x", "clientConnectionConfig": None, "labels": {"a": None}}
    made = post(f"{PARENT}/endpoints", unset).json()["response"]
    assert "clientConnectionConfig" not in made
    deployed = {"model": model, "dedicatedResources": {"machineSpec": None, "minReplicaCount": 1}}
    spec = {"imageUri": "i", "ports": [None]}
    for path, body in (
        (f"{made['name']}:deployModel", {"deployedModel": deployed}),
        (f"{PARENT}/models:upload", {"model": {"displayName": "x", "containerSpec": spec}}),
        (f"{PARENT}/models:upload", {"model": None}),
        (f"{PARENT}/endpoints", []),
    ):
        assert post(path, body).status_code == 400


@pytest.mark.rule("localcloud.vertex.not-served", "include/localcloud/docs/vertex.md")
def test_what_is_not_served_says_so(clients: Clients) -> None:
    endpoint = clients.create()
    for verb in ("explain", "directPredict", "streamRawPredict", "serverStreamingPredict"):
        answer = requests.post(f"{clients.url}/v1/{endpoint}:{verb}", json={}, timeout=10)
        assert answer.status_code == 501, verb
        assert verb in answer.json()["error"]["message"]
    private = {"displayName": "x", "network": "projects/1/global/networks/n"}
    with pytest.raises(HttpError, match="network") as refused:
        clients.rest().endpoints().create(parent=PARENT, body=private).execute()
    assert refused.value.status_code == 501
