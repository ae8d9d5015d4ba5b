"""Who may see a page: whoever is signed in to Airflow and may see the pipeline's runs.

The only module that imports Airflow's security, which is internal: Airflow has no public interface
by which a plugin could ask who is calling (3.3, "Plugins", ``fastapi_apps``).
"""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

PIPELINE_DAG_ID = "study_pipeline"

_may_see_runs = requires_access_dag("GET", DagAccessEntity.RUN, PIPELINE_DAG_ID)


class NotSignedInError(Exception):
    """Nobody is signed in, or the sign-in has expired or cannot be verified."""


async def signed_in_user(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> BaseUser:
    """Return the user of the cookie or of the bearer token.

    Raises
    ------
    NotSignedInError
        For every reason alike: the remedy is to sign in.
    """
    try:
        return await get_user(request, None, bearer)
    except HTTPException:
        raise NotSignedInError from None


def reader(request: Request, user: Annotated[BaseUser, Depends(signed_in_user)]) -> None:
    """Let pass who may see the pipeline's runs.

    Raises
    ------
    HTTPException
        403.
    """
    _may_see_runs(request, user)
