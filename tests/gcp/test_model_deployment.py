"""Models of one image put behind endpoints on a real local cloud, as platform_setup does it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
import requests
from tests.contract.model_server import ModelServer
from tests.gcp.vertex_installation import IMAGE, PARENT, SUBJECT, Installation

from wetread.core.errors import PermanentError, RetriableError
from wetread.core.routing.analysis import Adapter, Analysis, Input, Mode
from wetread.core.routing.table import shipped_analyses
from wetread.gcp.http import HttpApi
from wetread.gcp.model_deployment import LABELS, ModelDeployment

UNDEPLOY = "aiplatform.projects.locations.endpoints.undeployModel"


def deployment(installation: Installation, image: str = f"{IMAGE}:1") -> ModelDeployment:
    return ModelDeployment(
        HttpApi(requests.Session(), f"{installation.cloud.vertex}/v1"),
        PARENT,
        image,
        {"MODELSERVER_ALLOW_HOSTS": "healthcare.us-central1.rep.googleapis.com:443"},
        sleep=lambda _: None,
    )


def analysis(**changes: Any) -> Analysis:
    """A row whose id and endpoint nobody else has."""
    name = f"model-{uuid.uuid4().hex[:8]}"
    row = shipped_analyses()["phantom-pneumothorax"]
    return replace(row, **{"id": name, "endpoint": name, "mode": Mode.LIVE, **changes})


def resources(installation: Installation, kind: str, name: str) -> list[dict[str, Any]]:
    url = f"{installation.cloud.vertex}/v1/{PARENT}/{kind}"
    answer = requests.get(url, params={"filter": f'displayName="{name}"'}, timeout=10).json()
    return list(answer.get(kind, []))


def endpoint(installation: Installation, name: str) -> dict[str, Any]:
    (found,) = resources(installation, "endpoints", name)
    return found


def test_a_deployed_model_answers_on_its_own_route(
    installation: Installation, server: ModelServer
) -> None:
    row = analysis()
    done = deployment(installation).deploy([row])
    assert done == [
        f"model {row.id} version 1",
        f"endpoint {row.id}",
        f"deployment of {row.id} version 1",
    ]
    client = installation.client()
    found = client.find_endpoint(row.endpoint)
    answer = client.predict(found, [{"gcs_uri": "gs://b/o"}], timeout_seconds=10, subject=SUBJECT)
    (asked,) = server.predictions()
    assert asked.path == f"/v1/models/{row.id}:predict"
    record = client.model_record(answer.model, answer.model_version_id)
    assert record.image_uri == f"{IMAGE}:1"
    assert record.labels == {**LABELS, "analysis": row.id}


def test_the_container_gets_its_variables(installation: Installation) -> None:
    row = analysis()
    deployment(installation).deploy([row])
    (model,) = resources(installation, "models", row.endpoint)
    assert model["containerSpec"]["env"] == [
        {
            "name": "MODELSERVER_ALLOW_HOSTS",
            "value": "healthcare.us-central1.rep.googleapis.com:443",
        }
    ]


def test_what_is_there_is_left_alone(installation: Installation) -> None:
    row = analysis()
    deployment(installation).deploy([row])
    before = endpoint(installation, row.endpoint)
    assert deployment(installation).deploy([row]) == []
    assert endpoint(installation, row.endpoint) == before


def test_what_is_off_is_not_deployed(installation: Installation) -> None:
    """A deployed model costs money, also while nobody asks it."""
    row = analysis(mode=Mode.OFF)
    assert deployment(installation).deploy([row]) == []
    assert resources(installation, "endpoints", row.endpoint) == []


def test_an_endpoint_that_somebody_else_made_is_left_alone(installation: Installation) -> None:
    row = analysis()
    installation.endpoint(display_name=row.endpoint)
    assert deployment(installation).deploy([row]) == []
    assert "deployedModels" not in endpoint(installation, row.endpoint)
    assert resources(installation, "models", row.endpoint) == []


def test_a_new_image_becomes_the_next_version_and_replaces_the_last(
    installation: Installation,
) -> None:
    row = analysis()
    deployment(installation).deploy([row])
    done = deployment(installation, f"{IMAGE}:2").deploy([row])
    assert done == [f"model {row.id} version 2", f"deployment of {row.id} version 2"]
    (deployed,) = endpoint(installation, row.endpoint)["deployedModels"]
    assert deployed["modelVersionId"] == "2"
    assert len(resources(installation, "models", row.endpoint)) == 1
    back = deployment(installation).deploy([row])
    assert back == [f"deployment of {row.id} version 1"]


def test_a_version_that_a_failure_left_behind_is_taken_away(installation: Installation) -> None:
    row = analysis()
    deployment(installation).deploy([row])
    installation.cloud.fault(UNDEPLOY, status=403)
    with pytest.raises(PermanentError, match="undeployModel"):
        deployment(installation, f"{IMAGE}:2").deploy([row])
    assert len(endpoint(installation, row.endpoint)["deployedModels"]) == 2
    assert deployment(installation, f"{IMAGE}:2").deploy([row]) == []
    (deployed,) = endpoint(installation, row.endpoint)["deployedModels"]
    assert deployed["modelVersionId"] == "2"


def test_an_image_that_does_not_start_is_an_error_until_it_does(
    installation: Installation, server: ModelServer
) -> None:
    row, image = analysis(), f"registry/{uuid.uuid4().hex[:8]}"
    with pytest.raises(RetriableError, match="Model server never became ready") as raised:
        deployment(installation, image).deploy([row])
    assert raised.value.code == "model-not-deployed"
    installation.register(image, server.url)
    assert deployment(installation, image).deploy([row]) == [f"deployment of {row.id} version 1"]


def test_a_long_analysis_gets_an_endpoint_that_waits_as_long(installation: Installation) -> None:
    row = analysis(timeout_seconds=300)
    deployment(installation).deploy([row])
    found = endpoint(installation, row.endpoint)
    assert found["dedicatedEndpointEnabled"] is True
    assert found["clientConnectionConfig"] == {"inferenceTimeout": "300s"}


def test_only_models_of_this_projects_contract_are_deployed(installation: Installation) -> None:
    vision = shipped_analyses()["vision"]
    asks = {"input": Input.FRAMES, "findings": {}, "prompt": "What is this?"}
    chat = analysis(adapter=Adapter.MEDGEMMA, **asks)
    assert deployment(installation).deploy([vision, chat]) == []
    assert resources(installation, "endpoints", chat.endpoint) == []
