"""The model server behind an endpoint of Vertex AI, asked through the official clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from tests.contract.conftest import RunningCloud
from tests.modelserver.series import CENTRE, Series
from tests.modelserver.server import RunningServer
from tests.modelserver.stores import fill

PARENT = "projects/wetread-local/locations/us-central1"
IMAGE = "us-central1-docker.pkg.dev/wetread-local/models/modelserver"
MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


@pytest.fixture(scope="module")
def endpoint(cloud: RunningCloud, server: RunningServer) -> Iterator[str]:
    """An endpoint with the placeholder for volumes deployed to it."""
    cloud.admin("PUT", "model-servers", {"image": IMAGE, "url": server.url})
    models = aiplatform_v1.ModelServiceClient(**options(cloud))
    endpoints = aiplatform_v1.EndpointServiceClient(**options(cloud))
    container = {
        "image_uri": f"{IMAGE}:1",
        "predict_route": "/v1/models/bright-spot:predict",
        "health_route": "/health",
    }
    model = {"display_name": "bright-spot", "container_spec": container}
    uploaded = models.upload_model(parent=PARENT, model=model).result(timeout=10)
    made = endpoints.create_endpoint(parent=PARENT, endpoint={"display_name": "e"}).result(10)
    deployed = {"model": uploaded.model, "dedicated_resources": MACHINE}
    request = {"endpoint": made.name, "deployed_model": deployed, "traffic_split": {"0": 100}}
    endpoints.deploy_model(request).result(timeout=20)
    yield made.name
    cloud.admin("DELETE", f"model-servers?image={IMAGE}")


def options(cloud: RunningCloud) -> dict[str, Any]:
    return {
        "credentials": AnonymousCredentials(),
        "transport": "rest",
        "client_options": {"api_endpoint": cloud.vertex},
    }


def test_a_series_by_reference_is_predicted_through_the_endpoint(
    cloud: RunningCloud, endpoint: str
) -> None:
    series = Series()
    web = fill(cloud, series.slices())
    client = aiplatform_v1.PredictionServiceClient(**options(cloud))
    instance = {"dicomweb_uri": f"{web}/{series.path}"}
    answer = client.predict(endpoint=endpoint, instances=[instance, {**instance}])
    assert answer.model_version_id == "1"
    assert len(answer.predictions) == 2
    first = answer.predictions[0]
    assert list(first["detections"][0]["point_mm"]) == pytest.approx(series.point(CENTRE), abs=0.01)


def test_the_reason_for_a_refusal_reaches_the_caller(cloud: RunningCloud, endpoint: str) -> None:
    client = aiplatform_v1.PredictionServiceClient(**options(cloud))
    with pytest.raises(exceptions.BadRequest, match=r"instances\[0\] needs exactly one of"):
        client.predict(endpoint=endpoint, instances=[{}])
