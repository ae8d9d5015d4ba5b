"""Answers to a browser: pages that load nothing from elsewhere and stay in no cache."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def html(template: str, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; every value is escaped, for a label or a description may hold anything."""
    content = _templates().get_template(template).render(values)
    return HTMLResponse(content, status_code, headers=dict(_headers()))


def redirect(url: str) -> RedirectResponse:
    return RedirectResponse(url, 302, headers=dict(_headers()))


def airflow_path(request: Request) -> str:
    """Return the path of Airflow itself, ending in a slash; it may be served below a prefix."""
    return request.base_url.path


def png(content: bytes) -> Response:
    return Response(content, media_type="image/png", headers=dict(_headers()))


@cache
def _style() -> Markup:
    text = files("wetread.views").joinpath("templates/page.css").read_text("utf-8")
    return Markup(text)  # noqa: S704 - ships with the package


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("wetread.views"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = _style()
    return environment


@cache
def _headers() -> Mapping[str, str]:
    """Return the headers of every answer.

    The policy allows the page's own style, by its hash, and pictures of this server (W3C, "Content
    Security Policy Level 3"); a script would not run even if text were ever taken for one.
    """
    digest = base64.b64encode(hashlib.sha256(_style().encode("utf-8")).digest()).decode("ascii")
    policy = {
        "default-src": "'none'",
        "img-src": "'self'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    return MappingProxyType(
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": "; ".join(
                f"{name} {value}" for name, value in policy.items()
            ),
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
    )
