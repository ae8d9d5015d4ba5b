"""The application that Airflow's web server mounts at ``/wetread``."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import Response

from wetread.core.identity import STUDY_KEY_PATTERN
from wetread.views.access import PIPELINE_DAG_ID, reader
from wetread.views.failures import add_failure_pages
from wetread.views.report_page import report_page, version_rows
from wetread.views.responses import airflow_path, document, html, png

if TYPE_CHECKING:
    from wetread.views.study_results import StudyResults

GCP_CONN_ID = "google_cloud_default"

_STUDY_KEY = re.compile(rf"{STUDY_KEY_PATTERN}\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}\Z")

router = APIRouter(prefix="/go/{study_key}", dependencies=[Depends(reader)])


@cache
def application() -> FastAPI:
    """Return the application; its own documentation pages are off, for they know no login."""
    app = FastAPI(title="Wetread", openapi_url=None)
    app.include_router(router)
    add_failure_pages(app)
    return app


@router.get("/report")
def report(request: Request, study_key: str) -> Response:
    """Show a study's report, or how far the study is."""
    results = _results(study_key)
    page = report_page(results)
    return html(
        "report.html" if page else "pending.html",
        page=page,
        versions=version_rows(results),
        study_key=study_key,
        runs=f"{airflow_path(request)}dags/{PIPELINE_DAG_ID}/runs",
    )


@router.get("/key-images/{name}.png")
def key_image(study_key: str, name: str) -> Response:
    """Show one key image, fetched from the DICOM store: no UID appears in a browser's URL."""
    picture = _results(study_key).key_image_png(int(name)) if _NUMBER.match(name) else None
    if picture is None:
        raise HTTPException(404)
    return png(picture)


@router.get("/document.html")
def report_document(study_key: str) -> Response:
    """Show the report's readable document as the FHIR store holds it."""
    content = _results(study_key).document()
    if content is None:
        raise HTTPException(404)
    return document(content, f"{study_key}.html")


def _results(study_key: str) -> StudyResults:
    """Read the study; connections and variables are looked up as in a task.

    Raises
    ------
    HTTPException
        404: no study has the key, or it is no key at all.
    """
    from wetread.hooks.installation import Installation
    from wetread.views.study_results import find_results

    found = None
    if _STUDY_KEY.match(study_key):
        found = find_results(Installation(GCP_CONN_ID), study_key)
    if found is None:
        raise HTTPException(404)
    return found
