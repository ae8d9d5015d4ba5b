"""The routes of a custom container: health, and a predict route for each model.

Source: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modelserver.admission import Gate
from modelserver.analysis import predict
from modelserver.errors import RequestError, StartError
from modelserver.journal import journal
from modelserver.references.reader import Reader
from modelserver.registry import Model
from modelserver.requests import parse_request
from modelserver.settings import Settings

_RETRY_AFTER = {"Retry-After": "5"}
_CLIENT_GONE = 499


class ModelServer:
    """Answers as soon as it listens: 503 until :meth:`serve` gives it models."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._reader = Reader(settings)
        self._models: Mapping[str, Model] = {}
        self._bound: Model | None = None
        self._gates: dict[str, Gate] = {}
        routes = [
            Route(settings.health_route, self._health, methods=["GET"]),
            Route("/v1/models/{name}:predict", self._predict, methods=["POST"]),
        ]
        if settings.predict_route:
            routes.insert(1, Route(settings.predict_route, self._predict, methods=["POST"]))
        self.app = Starlette(routes=routes)

    def serve(self, models: Mapping[str, Model]) -> None:
        """Become healthy.

        Raises
        ------
        StartError
            The predict route names none of several models.
        """
        self._bound = bound_model(self._settings.predict_route, models)
        self._gates = {
            "volume": Gate(self._limits.volumes, self._limits.waiting),
            "image": Gate(self._limits.images, self._limits.waiting),
        }
        self._models = models

    def close(self) -> None:
        self._reader.close()

    async def _health(self, request: Request) -> Response:
        if not self._models:
            return JSONResponse({"status": "loading"}, 503)
        models = [model.identity for model in self._models.values()]
        return JSONResponse({"status": "ok", "models": models})

    async def _predict(self, request: Request) -> Response:
        begun = time.monotonic()
        name = request.path_params.get("name")
        model = self._models.get(name) if name else self._bound
        errors: Counter[str] = Counter()
        response: Response
        try:
            if not self._models:
                raise RequestError(503, "The models are being loaded; try again later.")
            if model is None:
                raise RequestError(404, f"There is no such model; there are: {self._names()}.")
            response = await self._answer(request, model, errors)
        except RequestError as error:
            headers = _RETRY_AFTER if error.status in (429, 503) else None
            response = JSONResponse({"error": error.message}, error.status, headers)
        journal(
            "prediction",
            model=model.name if model else "",
            status=response.status_code,
            errors=dict(errors),
            seconds=round(time.monotonic() - begun, 3),
        )
        return response

    async def _answer(self, request: Request, model: Model, errors: Counter[str]) -> Response:
        instances = parse_request(await self._body(request))
        async with self._gates[model.input].admit():
            if await request.is_disconnected():
                return Response(status_code=_CLIENT_GONE)
            predictions = await to_thread.run_sync(predict, model, self._reader, instances)
        errors.update(row["error"]["code"] for row in predictions if "error" in row)
        return JSONResponse({"predictions": predictions})

    async def _body(self, request: Request) -> bytes:
        """Read a body of at most the limit, whatever its header says."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._limits.request_bytes:
                raise RequestError(
                    413, f"The request is over {self._limits.request_bytes} bytes; send references."
                )
        return bytes(body)

    def _names(self) -> str:
        return ", ".join(sorted(self._models))


def bound_model(route: str, models: Mapping[str, Model]) -> Model | None:
    """Return the model that a predict route stands for: the one it names, or the only one.

    Raises
    ------
    StartError
        It names none, and there are several.
    """
    if not route:
        return None
    segments = route.removesuffix(":predict").strip("/").split("/")
    if named := [models[segment] for segment in reversed(segments) if segment in models]:
        return named[0]
    if len(models) == 1:
        return next(iter(models.values()))
    raise StartError(
        f"AIP_PREDICT_ROUTE {route} names no model; end it in one of {', '.join(sorted(models))}, "
        "as in /v1/models/NAME:predict, or start with --model NAME."
    )
