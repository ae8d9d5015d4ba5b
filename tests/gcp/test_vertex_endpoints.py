"""Endpoints are found by their display name, and say who answers, where and within what limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from tests.gcp.vertex_installation import DIGEST, IMAGE, PARENT, Installation

from wetread.core.errors import PermanentError, RetriableError, WetreadError
from wetread.core.predictions.payload import DEDICATED, SHARED
from wetread.gcp.vertex import VertexClient

LIST = "aiplatform.projects.locations.endpoints.list"


def test_a_shared_endpoint_is_found_with_the_models_that_get_traffic(
    installation: Installation,
) -> None:
    display_name, name = installation.endpoint()
    first = installation.deploy(name)
    installation.deploy(name, split={})
    found = installation.client().find_endpoint(display_name)
    assert (found.name, found.display_name) == (name, display_name)
    assert (found.base_url, found.limits) == (installation.cloud.vertex, SHARED)
    (deployed,) = found.deployed
    assert (deployed.id, deployed.model) == (first.id, first.model)
    assert (deployed.model_version_id, deployed.traffic_percent) == ("1", 100)


def test_a_dedicated_endpoint_has_a_host_and_limits_of_its_own(installation: Installation) -> None:
    display_name, name = installation.endpoint(dedicated_endpoint_enabled=True)
    installation.deploy(name)
    found = installation.client().find_endpoint(display_name)
    assert found.limits == DEDICATED
    assert found.base_url.startswith("http://")


def test_an_endpoint_is_looked_up_once_in_a_clients_life(installation: Installation) -> None:
    display_name, client = installation.deployed(), installation.client()
    before = installation.cloud.calls(LIST)
    assert client.find_endpoint(display_name) is client.find_endpoint(display_name)
    assert installation.cloud.calls(LIST) == before + 1


def test_a_name_with_quotes_is_a_name(installation: Installation) -> None:
    name = 'chest "CT" \\ 1'
    assert installation.deployed(display_name=name) == name
    assert installation.client().find_endpoint(name).display_name == name


@pytest.mark.parametrize("number", [0, 2])
def test_not_exactly_one_endpoint_is_an_error_with_the_name(
    installation: Installation, number: int
) -> None:
    name = f"{number}-of-them"
    for _ in range(number):
        installation.deployed(display_name=name)
    with pytest.raises(PermanentError, match=f"{number} endpoints are named {name}") as raised:
        installation.client().find_endpoint(name)
    assert raised.value.code == "endpoint-unusable"


def test_an_endpoint_without_traffic_is_unusable(installation: Installation) -> None:
    empty, _ = installation.endpoint()
    idle, name = installation.endpoint()
    installation.deploy(name, split={})
    for display_name in (empty, idle):
        with pytest.raises(PermanentError, match="gets traffic") as raised:
            installation.client().find_endpoint(display_name)
        assert raised.value.code == "endpoint-unusable"


def test_an_endpoint_missed_at_first_is_found_once_it_is_there(installation: Installation) -> None:
    client = installation.client()
    with pytest.raises(PermanentError):
        client.find_endpoint("comes-later")
    installation.deployed(display_name="comes-later")
    assert client.find_endpoint("comes-later").deployed


def test_the_registry_tells_container_weights_and_labels(installation: Installation) -> None:
    display_name, name = installation.endpoint()
    installation.deploy(
        name,
        f"{IMAGE}@{DIGEST}",
        artifact_uri="gs://weights/nodule/1",
        labels={"card": "phantom-nodule"},
    )
    client = installation.client()
    (deployed,) = client.find_endpoint(display_name).deployed
    record = client.model_record(deployed.model, deployed.model_version_id)
    assert (record.model, record.version_id) == (deployed.model, "1")
    assert (record.image_uri, record.container_digest) == (f"{IMAGE}@{DIGEST}", DIGEST)
    assert (record.artifact_uri, record.labels) == (
        "gs://weights/nodule/1",
        {"card": "phantom-nodule"},
    )


def test_a_mere_tag_is_no_digest_and_a_missing_model_is_told(installation: Installation) -> None:
    client = installation.client()
    (deployed,) = client.find_endpoint(installation.deployed(f"{IMAGE}:1")).deployed
    assert client.model_record(deployed.model, "1").container_digest == ""
    with pytest.raises(PermanentError) as raised:
        client.model_record(deployed.model, "7")
    assert raised.value.code == "not-found"


class Pages:
    """A session that answers with prepared pages, in turn."""

    def __init__(self, *bodies: Any) -> None:
        self.bodies = list(bodies)
        self.params: list[dict[str, str]] = []

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        self.params.append(options["params"])
        answer = requests.Response()
        answer.status_code = 200
        answer._content = json.dumps(self.bodies.pop(0)).encode()
        return answer


def listed(**fields: Any) -> dict[str, Any]:
    deployed = {"id": "7", "model": f"{PARENT}/models/m", "modelVersionId": "3"}
    endpoint = {
        "name": f"{PARENT}/endpoints/1",
        "displayName": "nodule",
        "deployedModels": [deployed],
    }
    return {**endpoint, "trafficSplit": {"7": 100}, **fields}


def dedicated(dns: str) -> dict[str, Any]:
    return listed(dedicatedEndpointEnabled=True, dedicatedEndpointDns=dns)


def google(*bodies: Any) -> tuple[VertexClient, Pages]:
    session = Pages(*bodies)
    return VertexClient(session, "https://us-central1-aiplatform.googleapis.com", PARENT), session


def test_every_page_is_read_though_the_first_may_be_empty() -> None:
    client, session = google({"nextPageToken": "t"}, {"endpoints": [listed()]})
    assert client.find_endpoint("nodule").deployed[0].model_version_id == "3"
    assert [page.get("pageToken") for page in session.params] == [None, "t"]
    assert session.params[1]["filter"] == 'displayName="nodule"'


def test_a_dedicated_endpoint_is_asked_at_googles_host() -> None:
    host = "1.us-central1-42.prediction.vertexai.goog"
    client, _ = google({"endpoints": [dedicated(host)]})
    assert client.find_endpoint("nodule").base_url == f"https://{host}"


@pytest.mark.parametrize(
    "dns",
    [
        "evil.example",
        "127.0.0.1:8605",
        "prediction.vertexai.goog.evil.example",
        "evil.example/.prediction.vertexai.goog",
        "a@evil.example",
        "evil.example\\.prediction.vertexai.goog",
    ],
)
def test_credentials_go_to_no_host_that_is_not_googles(dns: str) -> None:
    client, _ = google({"endpoints": [dedicated(dns)]})
    with pytest.raises(RetriableError, match="foreign host") as raised:
        client.find_endpoint("nodule")
    assert raised.value.code == "answer-malformed"
    assert dns not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"endpoints": 5},
        {"endpoints": [{}]},
        {"endpoints": [listed(trafficSplit=[])]},
        {"endpoints": [listed(deployedModels=[{}])]},
        {"endpoints": [listed(trafficSplit={"7": "all"})]},
    ],
)
def test_an_odd_list_is_an_error_of_ours(body: Any) -> None:
    with pytest.raises(WetreadError) as raised:
        google(body)[0].find_endpoint("nodule")
    assert raised.value.code in ("answer-malformed", "endpoint-unusable")
