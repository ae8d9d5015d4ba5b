"""One retry policy and one translation of failures for every Google service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions, retry
from google.auth import exceptions as auth_exceptions
from google.cloud.storage.exceptions import DataCorruption
from google.protobuf.json_format import ParseError

from wetread.core.errors import RETRIABLE_HTTP_STATUS, RetriableError, WetreadError, problem

TIMEOUT_SECONDS = 60.0
"""How long a single call may take, and how long its retries may go on; Airflow retries after."""

_TRANSPORT_FAILURES = (
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.Timeout,
    auth_exceptions.TransportError,
    ConnectionError,
)

BROKEN_TRANSFER = (
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.Timeout,
)
"""How reading the body of an answer ends when the connection does."""


def _is_retriable(error: BaseException) -> bool:
    if isinstance(error, exceptions.GoogleAPICallError):
        return error.code in RETRIABLE_HTTP_STATUS
    return isinstance(error, (*_TRANSPORT_FAILURES, RetriableError))


BACKOFF_SECONDS = (0.2, 10.0, 2.0)
"""The first delay, the longest one, and the factor between two."""

RETRY = retry.Retry(predicate=_is_retriable, timeout=TIMEOUT_SECONDS).with_delay(*BACKOFF_SECONDS)
"""Exponential backoff with jitter, as the services' request guidelines ask for."""


def failure(status: int, call: str, subject: str) -> WetreadError:
    """Return the error for an HTTP ``status`` answered to ``call`` about ``subject``.

    ``call`` is the API method; ``subject`` names the object by study key or role.
    """
    if status in RETRIABLE_HTTP_STATUS:
        return problem("service-unavailable", f"{call} answered {status} for {subject}.")
    if status == 404:
        return problem("not-found", f"{call} answered 404 for {subject}.")
    if status == 412:
        return problem("precondition-failed", f"{call} answered 412 for {subject}.")
    return problem("request-rejected", f"{call} answered {status} for {subject}.")


@contextmanager
def translated(
    call: str, subject: str, *, expected: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn a Google client's exception into Wetread's error; its text would name identifiers.

    Exceptions of the ``expected`` types pass: the caller knows what they mean.
    """
    try:
        yield
    except expected:
        raise
    except exceptions.RetryError:
        raise problem("service-unavailable", f"{call} kept failing for {subject}.") from None
    except exceptions.GoogleAPICallError as error:
        raise failure(int(error.code or 503), call, subject) from None
    except (*_TRANSPORT_FAILURES, requests.exceptions.RequestException):
        raise problem("service-unavailable", f"{call} did not answer for {subject}.") from None
    except (DataCorruption, ParseError):
        raise problem("answer-malformed", f"{call} answered garbled for {subject}.") from None
    except auth_exceptions.GoogleAuthError as error:
        code = "service-unavailable" if error.retryable else "request-rejected"
        raise problem(code, f"{call} got no credentials for {subject}.") from None
