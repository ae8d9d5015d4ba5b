"""Wetread's pages in Airflow's web server; everything else of Wetread needs no plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve Wetread's pages.

    Every component of Airflow loads this module; only the web server, at the first request, loads
    what makes the pages.
    """
    from wetread.views.application import application  # noqa: PLC0415

    await application()(scope, receive, send)


class WetreadPlugin(AirflowPlugin):
    """The pages below ``/wetread``, which tasks link to."""

    name = "wetread"
    fastapi_apps: list[Any] = [  # noqa: RUF012 - Airflow declares it as a variable of instances
        {"app": pages, "url_prefix": "/wetread", "name": "Wetread"}
    ]
