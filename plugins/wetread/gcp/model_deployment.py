"""Put the models of one container image behind Vertex AI endpoints, one endpoint an analysis.

What is there and right is left alone, and so is an endpoint that somebody else made: hospitals
deploy with tools of their own. Ours carry a label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from wetread.core.errors import problem
from wetread.core.routing.analysis import Adapter, Analysis
from wetread.gcp.http import HttpApi, json_body

LABELS: Mapping[str, str] = MappingProxyType({"managed-by": "wetread"})
"""On the models and endpoints that this module made, and may change."""

MACHINE_TYPE = "e2-standard-2"
"""8 GB: a series of 400 slices takes one, and the models need no accelerator."""

SHARED_TIMEOUT_SECONDS = 60
"""A longer analysis needs a dedicated endpoint, where a prediction may take an hour.
Source: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type"""

_OPERATION_SECONDS = 1800.0
"""Deploying takes Google ten to twenty minutes: it starts a machine and pulls the image."""

_PAUSES_SECONDS = (0.2, 15.0)
"""The first pause between two looks at an operation, and the longest."""

Json = dict[str, Any]


@dataclass(frozen=True)
class ModelDeployment:
    """Uploads and deploys models through the API of one location.

    Parameters
    ----------
    api
        Of the location's host, below ``/v1``.
    parent
        ``projects/P/locations/L``.
    image
        URI of the container image; with a digest (``…@sha256:…``) every finding can name it.
    environment
        Variables of its container.
    """

    api: HttpApi
    parent: str
    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def deploy(self, analyses: Iterable[Analysis]) -> list[str]:
        """Deploy what analyses with this project's detection contract need; return what was done.

        An analysis that is off needs nothing, and a machine that waits for it would cost money.

        Raises
        ------
        RetriableError
            ``service-unavailable``; ``model-not-deployed``: an operation failed or took too long.
        PermanentError
            ``request-rejected``, ``not-found``.
        """
        rows = [row for row in analyses if row.is_on and row.adapter is Adapter.DETECTIONS]
        return [step for row in rows for step in self._deploy(row)]

    def _deploy(self, analysis: Analysis) -> Iterator[str]:
        name = analysis.endpoint
        endpoints = self._named("endpoints", name)
        if any(not _is_ours(endpoint) for endpoint in endpoints):
            return
        model, version = self._find_version(name)
        if not version:
            model, version = self._upload(analysis, model)
            yield f"model {name} version {version}"
        if not endpoints:
            endpoints = [self._create_endpoint(analysis)]
            yield f"endpoint {name}"
        endpoint = endpoints[0]
        if not _serves(endpoint, model, version):
            self._give_all_traffic(endpoint, f"{model}@{version}", name)
            yield f"deployment of {name} version {version}"
        self._undeploy_others(endpoint, model, version, name)

    def _find_version(self, name: str) -> tuple[str, str]:
        """Return our model of a name, and its version with the image; empty where there is none."""
        models = [model for model in self._named("models", name) if _is_ours(model)]
        if not models:
            return "", ""
        model = str(models[0]["name"]).partition("@")[0]
        versions = self._pages(f"{model}:listVersions", "models", f"model {name}", {})
        matching = [row for row in versions if _image(row) == self.image]
        newest = max(matching, key=lambda row: int(row["versionId"]), default=None)
        return model, str(newest["versionId"]) if newest else ""

    def _upload(self, analysis: Analysis, parent_model: str) -> tuple[str, str]:
        body: Json = {
            "model": {
                "displayName": analysis.endpoint,
                "labels": {**LABELS, "analysis": analysis.id},
                "versionDescription": self.image,
                "containerSpec": {
                    "imageUri": self.image,
                    "predictRoute": f"/v1/models/{analysis.id}:predict",
                    "healthRoute": "/health",
                    "env": [{"name": n, "value": v} for n, v in self.environment.items()],
                },
            }
        }
        if parent_model:
            body["parentModel"] = parent_model
        done = self._run(f"{self.parent}/models:upload", body, f"model {analysis.endpoint}")
        return str(done["model"]), str(done["modelVersionId"])

    def _create_endpoint(self, analysis: Analysis) -> Json:
        body: Json = {
            "displayName": analysis.endpoint,
            "labels": {**LABELS, "analysis": analysis.id},
        }
        if analysis.timeout_seconds > SHARED_TIMEOUT_SECONDS:
            body["dedicatedEndpointEnabled"] = True
            timeout = f"{analysis.timeout_seconds}s"
            body["clientConnectionConfig"] = {"inferenceTimeout": timeout}
        return self._run(f"{self.parent}/endpoints", body, f"endpoint {analysis.endpoint}")

    def _give_all_traffic(self, endpoint: Json, version: str, name: str) -> None:
        resources = {
            "machineSpec": {"machineType": MACHINE_TYPE},
            "minReplicaCount": 1,
            "maxReplicaCount": 1,
        }
        deployed = {"model": version, "displayName": name, "dedicatedResources": resources}
        body = {"deployedModel": deployed, "trafficSplit": {"0": 100}}
        self._run(f"{endpoint['name']}:deployModel", body, f"endpoint {name}")

    def _undeploy_others(self, endpoint: Json, model: str, version: str, name: str) -> None:
        """Take away earlier versions, which keep costing money although nothing asks them."""
        for row in endpoint.get("deployedModels", []):
            if _model(row) == model and row.get("modelVersionId") != version:
                removed = {"deployedModelId": row["id"]}
                self._run(f"{endpoint['name']}:undeployModel", removed, f"endpoint {name}")

    def _named(self, kind: str, name: str) -> list[Json]:
        # A display name is one of Wetread's: letters, digits, and " ._-", which need no escape.
        params = {"filter": f'displayName="{name}"'}
        return self._pages(f"{self.parent}/{kind}", kind, f"{kind} {name}", params)

    def _pages(self, path: str, kind: str, subject: str, params: dict[str, str]) -> list[Json]:
        found: list[Json] = []
        call = f"aiplatform.{kind}.list"
        while True:
            response = self.api.send("GET", path, params=params, call=call, subject=subject)
            page = json_body(response, call, subject)
            found += page.get(kind, [])
            if not (token := page.get("nextPageToken")):
                return found
            params = {**params, "pageToken": token}

    def _run(self, path: str, body: Json, subject: str) -> Json:
        """Start an operation, wait for its end, and return its response."""
        call = f"aiplatform.{path.rpartition('/')[2].rpartition(':')[2]}"
        response = self.api.send("POST", path, json=body, call=call, subject=subject)
        operation = json_body(response, call, subject)
        waited, pause = 0.0, _PAUSES_SECONDS[0]
        while not operation.get("done"):
            if waited > _OPERATION_SECONDS:
                seconds = f"{_OPERATION_SECONDS:.0f} s"
                raise problem("model-not-deployed", f"{call} for {subject} took over {seconds}.")
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _PAUSES_SECONDS[1])
            response = self.api.send("GET", operation["name"], call=call, subject=subject)
            operation = json_body(response, call, subject)
        if "error" in operation:
            reason = operation["error"].get("message", "no reason given")
            raise problem("model-not-deployed", f"{call} for {subject} failed: {reason}")
        return dict(operation.get("response", {}))


def _is_ours(resource: Json) -> bool:
    labels = resource.get("labels", {})
    return all(labels.get(name) == value for name, value in LABELS.items())


def _image(model: Json) -> str:
    return str(model.get("containerSpec", {}).get("imageUri", ""))


def _model(deployed: Json) -> str:
    return str(deployed["model"]).partition("@")[0]


def _serves(endpoint: Json, model: str, version: str) -> bool:
    """Whether a version gets all traffic."""
    traffic = endpoint.get("trafficSplit", {})
    return any(
        _model(row) == model
        and row.get("modelVersionId") == version
        and traffic.get(row["id"]) == 100
        for row in endpoint.get("deployedModels", [])
    )
