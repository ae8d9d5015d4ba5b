"""Serve sekmet-fhir below /fhir, in the peers' environment: ``sekmet_server.py PORT FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import uvicorn
from sekmet.config import Settings
from sekmet.fhir.capability import capability_statement
from sekmet.fhir.common import FhirError
from sekmet.fhir.router import dispatch, fhir_response
from sekmet.fhir.service import FhirService
from sekmet.fhir.store import Store
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def application(folder: Path, base_url: str) -> Starlette:
    """Return an application with one store, on a SQLite file in the folder."""
    settings = Settings()
    settings.base_url = base_url
    store = Store(str(folder / "records.db"))
    context = SimpleNamespace(store=store, settings=settings, service=FhirService(store, settings))

    async def answer(request: Request) -> Response:
        segments = [part for part in request.path_params.get("rest", "").split("/") if part]
        if segments == ["metadata"]:
            return fhir_response(200, capability_statement(context.service))
        body = await request.json() if request.method in ("POST", "PUT") else None
        parameters = request.query_params.multi_items()
        try:
            result = await run_in_threadpool(dispatch, context, request, segments, parameters, body)
        except FhirError as error:
            return fhir_response(error.status, error.outcome(), error.headers)
        return fhir_response(result.status, result.body, result.headers)

    methods = ["GET", "POST", "PUT"]
    return Starlette(
        routes=[
            Route("/fhir", answer, methods=methods),
            Route("/fhir/{rest:path}", answer, methods=methods),
        ]
    )


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(
        application(Path(sys.argv[2]), f"http://127.0.0.1:{port}/fhir"),
        host="127.0.0.1",
        port=port,
        log_level="warning",
    )
