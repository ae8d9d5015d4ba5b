"""Answers to a browser: pages that load nothing from elsewhere and stay in no cache."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment

from wetread.documents.environment import environment

_POLICY = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'self'",
}


def html(template: str, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; every value is escaped, for a label or a description may hold anything."""
    content = _templates().get_template(template).render(values)
    return HTMLResponse(content, status_code, headers=_page_headers())


def redirect(url: str) -> RedirectResponse:
    return RedirectResponse(url, 302, headers=_page_headers())


def airflow_path(request: Request) -> str:
    """Return the path of Airflow itself, ending in a slash; it may be served below a prefix."""
    return request.base_url.path


def png(content: bytes) -> Response:
    return Response(content, media_type="image/png", headers=_page_headers())


def document(content: bytes, name: str) -> Response:
    """Return a document that the FHIR store holds, shut off from the page's origin.

    It brings its style inside, and a policy of its own that is stricter still.
    """
    policy = {**_POLICY, "sandbox": "", "img-src": "data:", "style-src": "'unsafe-inline'"}
    headers = _headers(policy) | {"Content-Disposition": f'inline; filename="{name}"'}
    return HTMLResponse(content, headers=headers)


@cache
def _templates() -> Environment:
    return environment("wetread.views", "page.css")


def _page_headers() -> dict[str, str]:
    """Return the headers of a page, which has its own style, by its hash, and its own pictures."""
    own = {"img-src": "'self'", "style-src": str(_templates().globals["style_source"])}
    return _headers({**_POLICY, **own})


def _headers(policy: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer that stays in no cache.

    A script would not run even if text were ever taken for one (W3C, "Content Security Policy
    Level 3").
    """
    rules = (" ".join(filter(None, rule)) for rule in policy.items())
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(rules),
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
