"""Online prediction: a call goes to the model server whose turn it is, its answer comes back.

Source: https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions and
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from localcloud.errors import STATUS_BY_CODE, GoogleError, invalid_argument
from localcloud.http.call import Call, Reply
from localcloud.http.service import serves
from localcloud.vertex.containers import Answer, Container, Containers
from localcloud.vertex.endpoints import Endpoints, find_deployed
from localcloud.vertex.limits import Limits, limits_of
from localcloud.vertex.models import Models
from localcloud.vertex.servers import ModelServers
from localcloud.vertex.traffic import Turns

Json = dict[str, Any]

_ENDPOINTS = "aiplatform.projects.locations.endpoints"
_ANY_TYPE = "application/octet-stream"
_MAX_QUOTED_CHARACTERS = 2000
_SAME = frozenset({400, 401, 403, 404, 409, 429, 500, 501, 503, 504})
"""Statuses of a model server that the caller sees as they are; others become 400 or 500."""


@dataclass(frozen=True)
class _Target:
    model: Json
    model_id: str
    container: Container
    limits: Limits


class PredictMethods:
    """endpoints.predict and rawPredict."""

    def __init__(
        self, models: Models, endpoints: Endpoints, servers: ModelServers, containers: Containers
    ) -> None:
        self._models = models
        self._endpoints = endpoints
        self._servers = servers
        self._containers = containers
        self._turns = Turns()

    @serves(f"{_ENDPOINTS}.predict")
    def predict(self, call: Call) -> Reply:
        target = self._target(call)
        asked = call.json()
        if not isinstance(asked.get("instances"), list) or not asked["instances"]:
            raise invalid_argument("The request has no instances; give a list of at least one.")
        sent: Json = {"instances": asked["instances"]}
        if asked.get("parameters") is not None:
            sent["parameters"] = asked["parameters"]
        answer = self._ask(target, json.dumps(sent).encode(), "application/json")
        found = _predictions(answer, target)
        shown: Json = {"predictions": found["predictions"]}
        if found.get("metadata") is not None:
            shown["metadata"] = found["metadata"]
        shown |= {
            "deployedModelId": target.model_id,
            "model": target.model["name"],
            "modelDisplayName": target.model["displayName"],
            "modelVersionId": target.model["versionId"],
        }
        return Reply.json(shown)

    @serves(f"{_ENDPOINTS}.rawPredict")
    def raw_predict(self, call: Call) -> Reply:
        """Forward a body of any type and return the server's body as it is.

        Clients made from the API's messages wrap the request in an HttpBody and read the answer
        as one, so they get one.
        """
        target = self._target(call)
        wrapped = _wrapped(call)
        if wrapped is None:
            content_type = call.headers.get("content-type", _ANY_TYPE)
            answer = self._ask(target, call.body, content_type)
        else:
            answer = self._ask(target, *wrapped)
            data = base64.b64encode(answer.body).decode()
            document = json.dumps({"contentType": answer.content_type, "data": data})
            answer = Answer(200, "application/json", document.encode())
        headers = {
            "X-Vertex-AI-Endpoint-Id": call.params["endpoint"].rpartition("/")[2],
            "X-Vertex-AI-Deployed-Model-Id": target.model_id,
        }
        return Reply(200, answer.body, answer.content_type, headers)

    def _target(self, call: Call) -> _Target:
        name = call.params["endpoint"]
        endpoint = self._endpoints.get(name)
        limits = limits_of(endpoint)
        limits.check_request(len(call.payload))
        model_id = self._turns.next(name, endpoint.get("trafficSplit", {}))
        deployed = find_deployed(endpoint, model_id)
        model = self._models.get(f"{deployed['model']}@{deployed['modelVersionId']}")
        image = model["containerSpec"]["imageUri"]
        if (url := self._servers.url_of(image)) is None:
            raise GoogleError.of(
                503, f"No model server is registered for {image}; see /_localcloud/model-servers."
            )
        endpoint_id = name.rpartition("/")[2]
        container = Container.of(url, model["containerSpec"], endpoint_id, model_id)
        return _Target(model, model_id, container, limits)

    def _ask(self, target: _Target, body: bytes, content_type: str) -> Answer:
        answer = self._containers.predict(target.container, body, content_type, target.limits)
        if not 200 <= answer.status < 300:
            _refuse(answer)
        return answer


def _refuse(answer: Answer) -> NoReturn:
    code = answer.status
    if code not in _SAME:
        code = 400 if 400 <= code < 500 else 500
    status = "FAILED_PRECONDITION" if code != answer.status == 422 else STATUS_BY_CODE[code]
    raise GoogleError(code, status, answer.body[:_MAX_QUOTED_CHARACTERS].decode(errors="replace"))


def _predictions(answer: Answer, target: _Target) -> Json:
    try:
        found = json.loads(answer.body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _wrong_shape(target, f"its answer is not JSON: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("predictions"), list):
        return found
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        raise GoogleError(400, "FAILED_PRECONDITION", found["error"][:_MAX_QUOTED_CHARACTERS])
    raise _wrong_shape(target, "its answer has no list 'predictions'")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _wrong_shape(target: _Target, why: str) -> GoogleError:
    return GoogleError.of(
        500,
        f"Failed to handle request. deployed_model_id: {target.model_id}. The model server does "
        f"not keep to the contract of custom containers: {why}.",
    )


def _wrapped(call: Call) -> tuple[bytes, str] | None:
    """Return the body and the type inside an HttpBody; None where the request is none."""
    is_json = call.headers.get("content-type", "").startswith("application/json")
    if not is_json or b'"httpBody"' not in call.body[:200]:
        return None
    wrapped = call.json().get("httpBody")
    if not isinstance(wrapped, dict) or not isinstance(wrapped.get("data", ""), str):
        return None
    try:
        data = base64.b64decode(wrapped.get("data", ""), validate=True)
    except binascii.Error:
        raise invalid_argument("Field 'httpBody.data' is not base64.") from None
    return data, wrapped.get("contentType") or _ANY_TYPE
