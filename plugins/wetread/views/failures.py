"""What a reader sees instead of a page: the way to the login, or a reason in words."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from wetread.core.errors import RetriableError, WetreadError
from wetread.views.access import NotSignedInError
from wetread.views.responses import airflow_path, html, redirect

_PAGES: Final = {
    401: ("Not signed in", "Sign in to Airflow to see this picture."),
    403: (
        "Not allowed",
        "Your role in Airflow may not see the runs of the study pipeline,"
        " and therefore not their results.",
    ),
    404: (
        "No such report",
        "No study has this key, or its report has no such picture or document. The link “Report” of"
        " a task in a study's run leads to the study's report.",
    ),
    500: (
        "The page could not be made",
        "Wetread did not expect what happened. The log of Airflow's web server says more.",
    ),
}


def add_failure_pages(app: FastAPI) -> None:
    """Answer every failure with a page that says what to do next."""
    app.add_exception_handler(NotSignedInError, _sign_in)
    app.add_exception_handler(HTTPException, _http_failure)
    app.add_exception_handler(WetreadError, _service_failure)
    app.add_exception_handler(Exception, _any_failure)


def _sign_in(request: Request, _error: Exception) -> Response:
    """Send the reader of a page to the login and back; a picture is no page to come back to."""
    path = request.url.path
    if path.endswith(".png"):
        return _page(401)
    return redirect(f"{airflow_path(request)}api/v2/auth/login?{urlencode({'next': path})}")


def _http_failure(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _page(status)


def _service_failure(_request: Request, error: Exception) -> Response:
    """Say what failed and what to do next; the error's text names no patient and no UID."""
    status = 503 if isinstance(error, RetriableError) else 500
    return html("message.html", status, title="The report could not be read", text=str(error))


def _any_failure(_request: Request, _error: Exception) -> Response:
    return _page(500)


def _page(status: int) -> Response:
    title, text = _PAGES.get(status, (f"Status {status}", "This page cannot be asked for so."))
    return html("message.html", status, title=title, text=text)
