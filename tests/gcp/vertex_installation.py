"""Endpoints on a real local cloud, with a model server whose answers a test decides."""

from __future__ import annotations

import uuid
from typing import Any

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as vertex
from tests.contract.conftest import RunningCloud
from tests.contract.model_server import ModelServer
from tests.modelserver.server import RunningServer

from wetread.gcp.vertex import VertexClient

PARENT = "projects/wetread-local/locations/us-central1"
SUBJECT = "series 02 of k1-abcdefgh"
IMAGE = "registry/model"
DIGEST = f"sha256:{'ab' * 32}"
PREDICT = "aiplatform.projects.locations.endpoints.predict"

_MACHINE = {"machine_spec": {"machine_type": "n1-standard-4"}, "min_replica_count": 1}


class Installation:
    """One local cloud: make endpoints with the official client, ask them with Wetread's."""

    def __init__(self, cloud: RunningCloud, server: ModelServer | RunningServer) -> None:
        self.cloud, self.server = cloud, server
        options: Any = {
            "credentials": AnonymousCredentials(),
            "transport": "rest",
            "client_options": {"api_endpoint": cloud.vertex},
        }
        self._models = vertex.ModelServiceClient(**options)
        self._endpoints = vertex.EndpointServiceClient(**options)

    def client(self) -> VertexClient:
        """Return a client that has looked up nothing yet."""
        return VertexClient(requests.Session(), self.cloud.vertex, PARENT)

    def register(self, image: str, url: str) -> None:
        self.cloud.admin("PUT", "model-servers", {"image": image, "url": url})

    def endpoint(self, **fields: Any) -> tuple[str, str]:
        """Create an endpoint without models; return its display name and its resource name."""
        name = str(fields.setdefault("display_name", f"model-{uuid.uuid4().hex[:8]}"))
        made = self._endpoints.create_endpoint(parent=PARENT, endpoint=fields).result(timeout=10)
        return name, made.name

    def deploy(
        self,
        endpoint: str,
        image: str = IMAGE,
        split: dict[str, int] | None = None,
        predict_route: str = "/predict",
        **model: Any,
    ) -> Any:
        """Upload a model and deploy it; it gets all traffic unless ``split`` says otherwise."""
        container = {"image_uri": image, "predict_route": predict_route, "health_route": "/health"}
        uploaded = self._models.upload_model(
            parent=PARENT, model={"display_name": "model", "container_spec": container, **model}
        ).result(timeout=10)
        deployed = {"model": uploaded.model, "dedicated_resources": _MACHINE}
        request = {
            "endpoint": endpoint,
            "deployed_model": deployed,
            "traffic_split": {"0": 100} if split is None else split,
        }
        return self._endpoints.deploy_model(request).result(timeout=20).deployed_model

    def deployed(self, image: str = IMAGE, predict_route: str = "/predict", **fields: Any) -> str:
        """Return the display name of a new endpoint that answers."""
        name, endpoint = self.endpoint(**fields)
        self.deploy(endpoint, image, predict_route=predict_route)
        return name
