"""Online prediction through Google's client: routing, limits, errors and traffic."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from tests.contract.conftest import RunningCloud, StartCloud
from tests.contract.model_server import ModelServer, count_instances, running_model_server
from tests.contract.test_vertex_endpoints import PARENT, Clients

DOCS = "https://cloud.google.com/vertex-ai/docs"
REFERENCE = f"{DOCS}/reference/rest/v1/projects.locations.endpoints"
CONTAINER = f"{DOCS}/predictions/custom-container-requirements"
TYPES = f"{DOCS}/predictions/choose-endpoint-type"
MIB = 1 << 20
IMAGE = "registry/heart"


@pytest.fixture(scope="module")
def clients(cloud: RunningCloud) -> Clients:
    return Clients(cloud)


@pytest.fixture(scope="module")
def running_server(cloud: RunningCloud) -> Iterator[ModelServer]:
    with running_model_server() as running:
        cloud.admin("PUT", "model-servers", {"image": IMAGE, "url": running.url})
        yield running
        cloud.admin("DELETE", f"model-servers?image={IMAGE}")


@pytest.fixture
def server(running_server: ModelServer) -> ModelServer:
    """The model server, behaving well."""
    running_server.answer = count_instances
    running_server.received.clear()
    return running_server


@pytest.fixture(scope="module")
def model(clients: Clients, running_server: ModelServer) -> str:
    return clients.upload(IMAGE, predict_route="/predict", health_route="/health")


@pytest.fixture(scope="module")
def shared(clients: Clients, model: str) -> str:
    """A shared public endpoint with one deployed model."""
    endpoint = clients.create()
    clients.deploy(endpoint, model, {"0": 100})
    return endpoint


@pytest.fixture(scope="module")
def dedicated(clients: Clients, model: str) -> str:
    """A dedicated public endpoint with an inference timeout of a second."""
    config = {"inference_timeout": {"seconds": 1}}
    endpoint = clients.create(dedicated_endpoint_enabled=True, client_connection_config=config)
    clients.deploy(endpoint, model, {"0": 100})
    return endpoint


@pytest.mark.rule("vertex.predict.response", f"{REFERENCE}/predict")
def test_a_prediction_names_the_model_the_version_and_the_deployment(
    clients: Clients, shared: str, model: str, server: ModelServer
) -> None:
    answer = clients.predictions.predict(
        endpoint=shared, instances=[{"a": 1}, {"a": 2}], parameters={"threshold": 0.5}
    )
    (deployed,) = clients.endpoints.get_endpoint(name=shared).deployed_models
    assert dict(answer.predictions[0]) == {"count": 2, "parameters": {"threshold": 0.5}}
    assert (answer.deployed_model_id, answer.model) == (deployed.id, model)
    assert (answer.model_version_id, answer.model_display_name) == ("1", deployed.display_name)


@pytest.mark.rule("vertex.container.predict-route", CONTAINER)
def test_the_server_gets_instances_and_parameters_as_json_on_its_route(
    clients: Clients, shared: str, server: ModelServer
) -> None:
    body = {"instances": [{"uri": "gs://b/o"}], "parameters": {"k": 1}}
    answer = requests.post(f"{clients.url}/v1/{shared}:predict", json=body, timeout=10)
    assert answer.status_code == 200
    (request,) = server.predictions()
    assert (request.path, request.content_type) == ("/predict", "application/json")
    assert json.loads(request.body) == body


@pytest.mark.rule("vertex.container.default-predict-route", CONTAINER)
def test_without_a_predict_route_google_uses_its_own(clients: Clients, server: ModelServer) -> None:
    endpoint = clients.create()
    deployed = clients.deploy(endpoint, clients.upload(IMAGE), {"0": 100})
    clients.predictions.predict(endpoint=endpoint, instances=[1])
    base = f"/v1/endpoints/{endpoint.split('/')[-1]}/deployedModels/{deployed.id}"
    assert server.predictions()[0].path == f"{base}:predict"


@pytest.mark.rule("vertex.predict.payload-limit-shared", TYPES)
def test_a_shared_endpoint_takes_one_and_a_half_megabytes(
    clients: Clients, shared: str, server: ModelServer
) -> None:
    fits, too_large = "x" * (3 * MIB // 2 - 100), "x" * (3 * MIB // 2)
    clients.predictions.predict(endpoint=shared, instances=[fits])
    with pytest.raises(exceptions.BadRequest, match=r"exceeds 1\.500MB limit") as refused:
        clients.predictions.predict(endpoint=shared, instances=[too_large])
    assert "FAILED_PRECONDITION" in str(refused.value.response.json())
    server.says(200, {"predictions": [too_large]})
    with pytest.raises(exceptions.BadRequest, match="Response size too large"):
        clients.predictions.predict(endpoint=shared, instances=[1])


@pytest.mark.rule("vertex.predict.payload-limit-dedicated", TYPES)
def test_a_dedicated_endpoint_takes_ten_megabytes_and_names_its_host(
    clients: Clients, dedicated: str, server: ModelServer
) -> None:
    dns = clients.endpoints.get_endpoint(name=dedicated).dedicated_endpoint_dns
    url = f"http://{dns}/v1/{dedicated}:predict"
    for size, status in ((9 * MIB, 200), (10 * MIB, 400)):
        answer = requests.post(url, json={"instances": ["x" * size]}, timeout=20)
        assert answer.status_code == status
    assert "exceeds" in answer.json()["error"]["message"]


@pytest.mark.rule("vertex.predict.inference-timeout", f"{DOCS}/predictions/create-public-endpoint")
def test_a_slow_model_is_given_up_after_the_inference_timeout(
    clients: Clients, dedicated: str, server: ModelServer
) -> None:
    given_up = threading.Event()

    def slow(_: Any) -> tuple[int, bytes]:
        given_up.wait(60)
        return 200, b"{}"

    server.answer = slow
    started = time.monotonic()
    try:
        with pytest.raises(exceptions.GatewayTimeout):
            clients.predictions.predict(endpoint=dedicated, instances=[1], retry=None)
    finally:
        given_up.set()
    assert time.monotonic() - started > 0.9


@pytest.mark.rule("vertex.endpoints.inference-timeout-range", f"{REFERENCE}#clientconnectionconfig")
@pytest.mark.parametrize("seconds", ["3601s", "0s", "soon"])
def test_an_inference_timeout_is_at_most_an_hour(clients: Clients, seconds: str) -> None:
    body = {"displayName": "x", "clientConnectionConfig": {"inferenceTimeout": seconds}}
    answer = requests.post(f"{clients.url}/v1/{PARENT}/endpoints", json=body, timeout=10)
    assert answer.status_code == 400
    assert "inference_timeout" in answer.json()["error"]["message"]


@pytest.mark.rule("vertex.predict.no-traffic", REFERENCE)
def test_an_endpoint_without_traffic_predicts_nothing(clients: Clients, model: str) -> None:
    endpoint = clients.create()
    clients.deploy(endpoint, model)
    with pytest.raises(exceptions.BadRequest, match="doesn't have traffic_split"):
        clients.predictions.predict(endpoint=endpoint, instances=[1])
    with pytest.raises(exceptions.NotFound):
        clients.predictions.predict(endpoint=f"{endpoint}0", instances=[1])


@pytest.mark.rule("vertex.predict.traffic-split", REFERENCE)
def test_traffic_goes_to_the_deployed_models_by_their_shares(
    clients: Clients, model: str, server: ModelServer
) -> None:
    endpoint = clients.create()
    first = clients.deploy(endpoint, model, {"0": 100}).id
    second = clients.deploy(endpoint, model, {"0": 30, first: 70}).id
    served = [
        clients.predictions.predict(endpoint=endpoint, instances=[1]).deployed_model_id
        for _ in range(20)
    ]
    assert (served.count(first), served.count(second)) == (14, 6)


@pytest.mark.rule("vertex.container.response-format", CONTAINER)
@pytest.mark.parametrize(
    "answer",
    [b"not json", b'{"predictions": [NaN]}', b'{"predictions": {}}', b"[]", b"", b"[" * 100_000],
    ids=["text", "nan", "object", "list", "empty", "deep"],
)
def test_an_answer_against_the_contract_is_an_error_of_the_model(
    clients: Clients, shared: str, server: ModelServer, answer: bytes
) -> None:
    server.says(200, answer)
    with pytest.raises(exceptions.InternalServerError, match="contract of custom containers"):
        clients.predictions.predict(endpoint=shared, instances=[1], retry=None)


@pytest.mark.rule("vertex.predict.single-error", f"{DOCS}/predictions/get-online-predictions")
def test_one_failed_instance_fails_the_whole_prediction(
    clients: Clients, shared: str, server: ModelServer
) -> None:
    server.says(200, {"error": "instance 1 has no pixels"})
    with pytest.raises(exceptions.BadRequest, match="instance 1 has no pixels"):
        clients.predictions.predict(endpoint=shared, instances=[1, 2])


@pytest.mark.rule(
    "vertex.predict.server-errors",
    "https://github.com/GoogleCloudPlatform/vertex-ai-samples/issues/2122",
)
@pytest.mark.parametrize(
    ("status", "seen"), [(400, 400), (404, 404), (422, 400), (429, 429), (500, 500), (503, 503)]
)
def test_the_caller_sees_the_status_and_the_words_of_the_server(
    clients: Clients, shared: str, server: ModelServer, status: int, seen: int
) -> None:
    server.says(status, {"detail": "no such organ"})
    url = f"{clients.url}/v1/{shared}:predict"
    answer = requests.post(url, json={"instances": [1]}, timeout=10)
    assert answer.status_code == seen
    assert "no such organ" in answer.json()["error"]["message"]


@pytest.mark.rule("vertex.predict.instances-required", f"{REFERENCE}/predict")
@pytest.mark.parametrize(
    "body", [{}, {"instances": []}, {"instances": {"a": 1}}, {"instance": [1]}, [1], "x"]
)
def test_a_request_without_instances_never_reaches_the_model(
    clients: Clients, shared: str, server: ModelServer, body: object
) -> None:
    answer = requests.post(f"{clients.url}/v1/{shared}:predict", json=body, timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert server.predictions() == []


@pytest.mark.rule("vertex.raw-predict.headers", f"{REFERENCE}/rawPredict")
def test_a_raw_prediction_passes_any_body_through_and_names_its_server(
    clients: Clients, shared: str, server: ModelServer
) -> None:
    server.says(200, {"outputs": "of its own shape"})
    answer = requests.post(
        f"{clients.url}/v1/{shared}:rawPredict",
        data=b"\x00DICM",
        headers={"content-type": "application/dicom"},
        timeout=10,
    )
    (request,) = server.predictions()
    assert (request.body, request.content_type) == (b"\x00DICM", "application/dicom")
    assert answer.json() == {"outputs": "of its own shape"}
    (deployed,) = clients.endpoints.get_endpoint(name=shared).deployed_models
    assert answer.headers["X-Vertex-AI-Endpoint-Id"] == shared.rsplit("/", maxsplit=1)[-1]
    assert answer.headers["X-Vertex-AI-Deployed-Model-Id"] == deployed.id


@pytest.mark.rule(
    "vertex.raw-predict.http-body",
    "https://github.com/googleapis/googleapis/blob/master/google/api/httpbody.proto",
)
def test_the_client_gets_the_raw_answer_in_an_http_body(
    clients: Clients, shared: str, server: ModelServer
) -> None:
    server.says(200, {"outputs": [1]})
    body = {"data": b"\x00raw", "content_type": "application/x-tensor"}
    answer = clients.predictions.raw_predict(request={"endpoint": shared, "http_body": body})
    assert json.loads(answer.data) == {"outputs": [1]}
    assert answer.content_type == "application/json"
    (request,) = server.predictions()
    assert (request.body, request.content_type) == (b"\x00raw", "application/x-tensor")


@pytest.mark.rule("vertex.container.unreachable", CONTAINER)
def test_a_server_that_is_gone_is_unavailable(cloud: RunningCloud, clients: Clients) -> None:
    with running_model_server() as leaving:
        cloud.admin("PUT", "model-servers", {"image": "registry/gone", "url": leaving.url})
        endpoint = clients.create()
        clients.deploy(endpoint, clients.upload("registry/gone"), {"0": 100})
    try:
        with pytest.raises(exceptions.ServiceUnavailable, match="start it"):
            clients.predictions.predict(endpoint=endpoint, instances=[1], retry=None)
    finally:
        cloud.admin("DELETE", "model-servers?image=registry/gone")


@pytest.mark.rule("localcloud.vertex.stops", "include/localcloud/docs/vertex.md")
def test_a_prediction_under_way_does_not_keep_the_cloud_from_stopping(
    start_cloud: StartCloud, tmp_path: Path
) -> None:
    asked, release = threading.Event(), threading.Event()

    def hang(_: Any) -> tuple[int, bytes]:
        asked.set()
        release.wait(20)
        return 200, b"{}"

    with running_model_server() as server:
        with start_cloud(tmp_path, f"--model-server={IMAGE}={server.url}") as running:
            clients = Clients(running)
            endpoint = clients.create()
            clients.deploy(endpoint, clients.upload(IMAGE), {"0": 100})
            server.answer = hang
            url = f"{running.vertex}/v1/{endpoint}:predict"
            caller = threading.Thread(target=_post_and_forget, args=(url,))
            caller.start()
            assert asked.wait(10)
            running.process.terminate()
            assert running.process.wait(8) == 0
            caller.join()
        release.set()


def _post_and_forget(url: str) -> None:
    try:
        requests.post(url, json={"instances": [1]}, timeout=20)
    except requests.ConnectionError:
        return  # The server stopped without an answer.
