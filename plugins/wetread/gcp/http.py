"""One way to call the Healthcare API over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import requests

from wetread.core.errors import RETRIABLE_HTTP_STATUS, problem
from wetread.gcp.retries import RETRY, TIMEOUT_SECONDS, failure, translated

_SHORTEST_TRY_SECONDS = 0.1
"""A try that begins at the very end of its time gets this much: zero would mean no limit."""


class Session(Protocol):
    """What is needed of ``requests.Session`` or ``google.auth``'s ``AuthorizedSession``."""

    def request(self, method: str, url: str, **options: Any) -> requests.Response: ...


class HttpApi:
    """Calls below one base URL, retried while the service is at fault.

    Parameters
    ----------
    session
        Adds the credentials; shared by threads.
    base_url
        For example ``https://healthcare.googleapis.com/v1``.
    """

    def __init__(self, session: Session, base_url: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")

    def url(self, path: str) -> str:
        return f"{self._base_url}/{path}"

    def send(
        self,
        verb: str,
        path: str,
        *,
        call: str,
        subject: str,
        accept_status: Collection[int] = (200,),
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
        stream: bool = False,
        timeout_seconds: float | None = None,
        follow_redirects: bool = True,
    ) -> requests.Response:
        """Send one request; return the answer when its status is among ``accept_status``.

        Parameters
        ----------
        stream : leave the body of the answer on the network; the caller reads and closes it
        timeout_seconds : for all tries together, where a single one may take longer than usual
        follow_redirects : not for a body that holds a credential: it would go along

        Raises
        ------
        RetriableError
            ``service-unavailable`` when the retries are used up.
        PermanentError
            ``not-found``, ``request-rejected``.
        """

        retry, seconds_left = _patience(timeout_seconds)

        def once() -> requests.Response:
            response: requests.Response = self._session.request(
                verb,
                self.url(path),
                params=params,
                headers=headers,
                json=json,
                data=data,
                stream=stream,
                timeout=seconds_left(),
                allow_redirects=follow_redirects,
            )
            status = response.status_code
            if status in RETRIABLE_HTTP_STATUS and status not in accept_status:
                raise problem("service-unavailable", f"{call} answered {status} for {subject}.")
            return response

        with translated(call, subject):
            response: requests.Response = retry(once)()
        if response.status_code not in accept_status:
            raise failure(response.status_code, call, subject)
        return response


def _patience(timeout_seconds: float | None) -> tuple[Callable[..., Any], Callable[[], float]]:
    """Return the retry policy of a call, and what says how long its next try may take.

    A try may take all the time that the call has; but who answers at once that he is away is not
    asked for longer than anybody else: Airflow tries again later.
    """
    if timeout_seconds is None:
        return RETRY, lambda: TIMEOUT_SECONDS
    end = time.monotonic() + timeout_seconds
    return (
        RETRY.with_timeout(min(timeout_seconds, TIMEOUT_SECONDS)),
        lambda: max(end - time.monotonic(), _SHORTEST_TRY_SECONDS),
    )


def json_body(response: requests.Response, call: str, subject: str) -> Any:
    """Return the JSON of an answer.

    Raises
    ------
    RetriableError
        ``answer-malformed``: the body is not JSON.
    """
    try:
        return response.json()
    except requests.exceptions.JSONDecodeError:
        raise problem("answer-malformed", f"{call} for {subject} is not JSON.") from None
