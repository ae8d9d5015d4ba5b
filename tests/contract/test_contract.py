"""Every method of every document is served or says that it is not; nothing else is accepted."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from tests.contract.conftest import RunningCloud

DISCOVERY = "https://developers.google.com/discovery/v1/reference/apis"
README = "include/localcloud/README.md"
API_PORT = {"storage": "storage", "healthcare": "storage", "vision": "vision"}


@pytest.fixture(scope="module")
def index(cloud: RunningCloud) -> dict[str, Any]:
    return dict(requests.get(f"{cloud.storage}/_localcloud", timeout=10).json())


def _sample(cloud: RunningCloud, api: str, method: dict[str, Any]) -> tuple[str, str]:
    """A verb and a URL of a method, every path parameter being ``x1``."""
    verb, template = method["call"].split(" ", 1)
    base = getattr(cloud, API_PORT.get(api, api))
    prefix = "/storage/v1/" if api == "storage" else "/"
    return verb, base + prefix + re.sub(r"\{\+?\w+\}", "x1", template)


@pytest.mark.rule("localcloud.contract.unserved", README)
@pytest.mark.parametrize("api", ["storage", "healthcare", "vision", "secretmanager"])
def test_an_unserved_method_names_itself(
    cloud: RunningCloud, index: dict[str, Any], api: str
) -> None:
    unserved = [method for method in index[api]["methods"] if not method["served"]]
    assert unserved
    with requests.Session() as session:
        for method in unserved:
            verb, url = _sample(cloud, api, method)
            answer = session.request(verb, url, timeout=10)
            assert answer.status_code == 501, method
            assert method["id"] in answer.json()["error"]["message"]


@pytest.mark.rule("localcloud.contract.routing", DISCOVERY)
@pytest.mark.parametrize("api", ["storage", "healthcare", "vision", "secretmanager"])
def test_a_served_method_is_reached_by_its_documented_path(
    cloud: RunningCloud, index: dict[str, Any], api: str
) -> None:
    served = [method for method in index[api]["methods"] if method["served"]]
    assert served
    requests.delete(f"{cloud.storage}/_localcloud/calls", timeout=10)
    with requests.Session() as session:
        for method in served:
            verb, url = _sample(cloud, api, method)
            session.request(verb, url, timeout=10)
    calls = requests.get(f"{cloud.storage}/_localcloud/calls", timeout=10).json()
    assert {method["id"] for method in served} <= calls.keys()


@pytest.mark.rule("localcloud.contract.index", README)
def test_the_index_says_where_each_contract_comes_from(
    cloud: RunningCloud, index: dict[str, Any]
) -> None:
    assert set(index) == {
        "aiplatform",
        "cloudresourcemanager",
        "healthcare",
        "iamcredentials",
        "pubsub",
        "pubsub-grpc",
        "secretmanager",
        "storage",
        "vision",
    }
    assert re.search(r"storage\.v1, revision \d{8}", index["storage"]["source"])
    ids = {method["id"]: method["served"] for method in index["storage"]["methods"]}
    assert ids["storage.objects.insert"]
    assert not ids["storage.folders.get"]
    page = requests.get(f"{cloud.storage}/_localcloud", headers={"Accept": "text/html"}, timeout=10)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "storage.objects.insert" in page.text


@pytest.mark.rule("localcloud.contract.query", DISCOVERY)
def test_an_unknown_query_parameter_is_named(cloud: RunningCloud) -> None:
    url = f"{cloud.storage}/storage/v1/b"
    answer = requests.get(url, params={"project": "contract", "projct": "x"}, timeout=10)
    assert answer.status_code == 400
    assert "projct" in answer.json()["error"]["message"]
    common = {"project": "contract", "alt": "json", "prettyPrint": "false", "key": "k"}
    assert requests.get(url, params=common, timeout=10).status_code == 200


@pytest.mark.rule("localcloud.contract.body", DISCOVERY)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "body-checked", "labls": {}}, "labls"),
        ({"name": 7}, "name"),
        ({"name": "body-checked", "lifecycle": {"rule": {}}}, "lifecycle.rule"),
        ({"name": "body-checked", "versioning": {"enabled": "yes"}}, "versioning.enabled"),
        ([], "body"),
    ],
)
def test_a_body_that_breaks_the_schema_is_refused(
    cloud: RunningCloud, body: Any, field: str
) -> None:
    url = f"{cloud.storage}/storage/v1/b?project=contract"
    answer = requests.post(url, json=body, timeout=10)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["message"]


@pytest.mark.rule("localcloud.contract.unknown", README)
def test_a_path_of_no_service_is_not_found(cloud: RunningCloud) -> None:
    for path in ("/", "/storage/v2/b", "/v1/nothing", "/storage/v1/b/x/o/a/b/c"):
        answer = requests.get(cloud.storage + path, timeout=10)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == 404
    not_utf8 = requests.get(f"{cloud.storage}/storage/v1/b/x1/o/%FF", timeout=10)
    assert not_utf8.status_code == 400


@pytest.mark.rule(
    "localcloud.errors.storage", "https://cloud.google.com/storage/docs/json_api/v1/status-codes"
)
def test_errors_have_the_shape_of_their_service(cloud: RunningCloud) -> None:
    stored = requests.get(f"{cloud.storage}/storage/v1/b/no-such-bucket", timeout=10).json()
    assert stored["error"]["errors"][0]["reason"] == "notFound"
    secret = requests.get(f"{cloud.secretmanager}/v1/projects/p1/secrets/none", timeout=10).json()
    assert secret["error"]["status"] == "NOT_FOUND"
    broken = requests.post(f"{cloud.storage}/storage/v1/b?project=p1", data=b"{", timeout=10)
    assert broken.status_code == 400


@pytest.mark.rule("localcloud.base-url", README)
def test_links_come_from_configuration_not_from_the_host_header(cloud: RunningCloud) -> None:
    requests.post(
        f"{cloud.storage}/storage/v1/b?project=p1", json={"name": "links-of-ours"}, timeout=10
    )
    answer = requests.get(
        f"{cloud.storage}/storage/v1/b/links-of-ours",
        headers={"Host": "attacker.example"},
        timeout=10,
    )
    assert answer.json()["selfLink"].startswith(cloud.storage)
