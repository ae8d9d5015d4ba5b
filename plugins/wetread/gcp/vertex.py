"""Vertex AI: find the endpoint of a model, ask it, and say which version answered.

REST and JSON rather than the generated client: that one turns every prediction into protobuf
values, cannot leave the host of its construction - a dedicated endpoint has a host of its own -
and takes seconds and more memory to import than a whole series of pictures.

Requests may hold a bearer token and answers may repeat it: neither is logged or quoted.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

from wetread.core.errors import problem
from wetread.core.predictions.payload import DEDICATED, SHARED, EndpointLimits
from wetread.gcp.http import HttpApi, Session, json_body
from wetread.gcp.retries import failure

LIST_CALL = "aiplatform.endpoints.list"
PREDICT_CALL = "aiplatform.endpoints.predict"
MODEL_CALL = "aiplatform.models.get"

_DEDICATED_HOST = re.compile(r"[a-z0-9.-]+\.prediction\.vertexai\.goog")
"""Where dedicated endpoints are; a credential goes to no other host that an answer names."""

_CONTAINER_FAILED = 500
"""The model's container broke down; each try costs its time again, so that Airflow tries, later."""

_LOOKUP_SECONDS = 10.0
"""How long endpoints are looked for: a study waits for it, and can be read without models."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class DeployedModel:
    """One model behind an endpoint, with its share of the traffic in percent."""

    id: str
    model: str
    model_version_id: str
    display_name: str
    traffic_percent: int


@dataclass(frozen=True)
class Endpoint:
    """Where to ask; ``deployed`` holds only the models that get traffic."""

    name: str
    display_name: str
    base_url: str = field(repr=False)
    limits: EndpointLimits
    deployed: tuple[DeployedModel, ...]


@dataclass(frozen=True)
class PredictionResponse:
    """The predictions of one request, in the order of its instances, and who made them."""

    predictions: tuple[Any, ...] = field(repr=False)
    deployed_model_id: str
    model: str
    model_version_id: str


@dataclass(frozen=True)
class ModelRecord:
    """What the model registry knows of a version; ``container_digest`` is empty for a mere tag."""

    model: str
    version_id: str
    image_uri: str
    container_digest: str
    artifact_uri: str
    labels: Mapping[str, str]


class VertexClient:
    """The endpoints of one location; may be shared by threads.

    Parameters
    ----------
    session : adds the credentials
    base_url : of the location, such as ``https://us-central1-aiplatform.googleapis.com``
    parent : ``projects/P/locations/L``
    """

    def __init__(self, session: Session, base_url: str, parent: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._parent = parent
        self._api = HttpApi(session, f"{self._base_url}/v1")
        self._endpoints: dict[str, Endpoint] = {}
        self._models: dict[tuple[str, str], ModelRecord] = {}
        self._lock = threading.Lock()

    def find_endpoint(self, display_name: str) -> Endpoint:
        """Return the endpoint with a display name; looked up once in the client's life.

        Raises
        ------
        PermanentError
            ``endpoint-unusable``: none, more than one, or one whose models get no traffic.
        RetriableError
            ``service-unavailable``, ``answer-malformed``.
        """
        with self._lock:
            if display_name not in self._endpoints:
                self._endpoints[display_name] = self._find(display_name)
            return self._endpoints[display_name]

    def _find(self, display_name: str) -> Endpoint:
        subject = f"endpoint {display_name}"
        with _shaped(LIST_CALL, subject):
            listed = self._list(display_name, subject)
            found = [entry for entry in listed if entry["displayName"] == display_name]
            if len(found) != 1:
                raise problem(
                    "endpoint-unusable", f"{len(found)} endpoints are named {display_name}."
                )
            endpoint = self._endpoint(found[0], subject)
        if not endpoint.deployed:
            raise problem("endpoint-unusable", f"no model of {subject} gets traffic.")
        return endpoint

    def _list(self, display_name: str, subject: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        params = {"filter": f"displayName={json.dumps(display_name)}"}
        while True:
            response = self._api.send(
                "GET",
                f"{self._parent}/endpoints",
                params=params,
                timeout_seconds=_LOOKUP_SECONDS,
                call=LIST_CALL,
                subject=subject,
            )
            page = json_body(response, LIST_CALL, subject)
            found += page.get("endpoints", [])
            token = page.get("nextPageToken")
            if not token:
                return found
            params = {**params, "pageToken": token}

    def _endpoint(self, body: Mapping[str, Any], subject: str) -> Endpoint:
        traffic = body.get("trafficSplit", {})
        return Endpoint(
            name=body["name"],
            display_name=body["displayName"],
            base_url=self._base_url_of(body, subject),
            limits=DEDICATED if body.get("dedicatedEndpointEnabled") else SHARED,
            deployed=tuple(
                DeployedModel(
                    id=model["id"],
                    model=model["model"],
                    model_version_id=model.get("modelVersionId", ""),
                    display_name=model.get("displayName", ""),
                    traffic_percent=int(traffic[model["id"]]),
                )
                for model in body.get("deployedModels", [])
                if traffic.get(model["id"])
            ),
        )

    def _base_url_of(self, body: Mapping[str, Any], subject: str) -> str:
        """Return the host to ask: a dedicated endpoint does not answer on the location's."""
        host = body.get("dedicatedEndpointDns", "")
        if not body.get("dedicatedEndpointEnabled") or not host:
            return self._base_url
        own = urlsplit(self._base_url)
        is_local = own.hostname in _LOOPBACK and host.partition(":")[0] in _LOOPBACK
        if not is_local and not _DEDICATED_HOST.fullmatch(host):
            raise problem("answer-malformed", f"{LIST_CALL} names a foreign host for {subject}.")
        return f"{own.scheme}://{host}"

    def predict(
        self,
        endpoint: Endpoint,
        instances: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout_seconds: float,
        subject: str,
    ) -> PredictionResponse:
        """Ask the endpoint's models about some instances, again while it is overloaded.

        Parameters
        ----------
        timeout_seconds : for all tries together; an endpoint's own limit may be shorter
        subject : names the study by its key

        Raises
        ------
        RetriableError
            ``service-unavailable``: down, overloaded or too slow; ``answer-malformed``: not JSON,
            or not one prediction per instance.
        PermanentError
            ``request-rejected``, ``not-found``.
        """
        body: dict[str, Any] = {"instances": list(instances)}
        if parameters:
            body["parameters"] = dict(parameters)
        response = HttpApi(self._session, f"{endpoint.base_url}/v1").send(
            "POST",
            f"{endpoint.name}:predict",
            headers={"Content-Type": "application/json"},
            data=json.dumps(body, allow_nan=False).encode(),
            timeout_seconds=min(timeout_seconds, endpoint.limits.timeout_seconds),
            follow_redirects=False,
            call=PREDICT_CALL,
            subject=subject,
            accept_status=(200, _CONTAINER_FAILED),
        )
        if response.status_code == _CONTAINER_FAILED:
            raise failure(_CONTAINER_FAILED, PREDICT_CALL, subject)
        answer = _strict_json(response.content, subject)
        return PredictionResponse(
            predictions=_predictions(answer, len(body["instances"]), subject),
            deployed_model_id=_text(answer, "deployedModelId", subject),
            model=_text(answer, "model", subject),
            model_version_id=_text(answer, "modelVersionId", subject),
        )

    def model_record(self, model: str, version_id: str) -> ModelRecord:
        """Return what the registry says of a model's version, as provenance; looked up once.

        Raises
        ------
        PermanentError
            ``not-found``.
        RetriableError
            ``service-unavailable``, ``answer-malformed``.
        """
        with self._lock:
            if (model, version_id) not in self._models:
                self._models[model, version_id] = self._model_record(model, version_id)
            return self._models[model, version_id]

    def _model_record(self, model: str, version_id: str) -> ModelRecord:
        subject = f"model {model.rpartition('/')[2]} version {version_id}"
        name = f"{model.partition('@')[0]}@{version_id}" if version_id else model
        response = self._api.send("GET", name, call=MODEL_CALL, subject=subject)
        body = json_body(response, MODEL_CALL, subject)
        with _shaped(MODEL_CALL, subject):
            image_uri = str(body.get("containerSpec", {}).get("imageUri", ""))
            return ModelRecord(
                model=model.partition("@")[0],
                version_id=str(body.get("versionId", version_id)),
                image_uri=image_uri,
                container_digest=image_uri.partition("@")[2],
                artifact_uri=str(body.get("artifactUri", "")),
                labels=dict(body.get("labels", {})),
            )


@contextmanager
def _shaped(call: str, subject: str) -> Iterator[None]:
    """Turn a field that is missing or of another type into an error."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError):
        raise problem("answer-malformed", f"{call} answered oddly for {subject}.") from None


def _strict_json(content: bytes, subject: str) -> dict[str, Any]:
    """Return the JSON object of an answer; ``NaN``, which Python would take, is not JSON."""
    try:
        answer = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise problem("answer-malformed", f"{PREDICT_CALL} for {subject} is no JSON object.")
    return answer


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _text(answer: Mapping[str, Any], name: str, subject: str) -> str:
    found = answer.get(name, "")
    if not isinstance(found, str):
        raise problem("answer-malformed", f"{PREDICT_CALL} for {subject} has no proper {name}.")
    return found


def _predictions(answer: Mapping[str, Any], instances: int, subject: str) -> tuple[Any, ...]:
    """Return one prediction per instance.

    A chat server answers a single instance with one object in place of the list.
    """
    found = answer.get("predictions")
    if isinstance(found, dict) and instances == 1:
        found = [found]
    if not isinstance(found, list) or len(found) != instances:
        raise problem(
            "answer-malformed",
            f"{PREDICT_CALL} did not give {instances} predictions for {subject}.",
        )
    return tuple(found)
