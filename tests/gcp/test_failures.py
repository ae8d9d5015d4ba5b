"""Failures of Google's clients become Wetread's errors, and lose every name on the way."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud.storage.exceptions import DataCorruption
from google.protobuf.json_format import ParseError

from wetread.core.errors import (
    RETRIABLE_HTTP_STATUS,
    PermanentError,
    RetriableError,
    WetreadError,
)
from wetread.gcp import http, retries
from wetread.gcp.http import HttpApi, json_body
from wetread.gcp.retries import RETRY, failure, translated

CALL = "storage.objects.get"
SUBJECT = "manifest of k1-abcdefghijklmnopqrstuvwxyz v1"
SECRET = "https://storage.example/b/wetread-incoming/o/ward%2FDoe%5EJane.dcm"
STATUSES = [400, 401, 403, 404, 405, 408, 409, 412, 413, 425, 429, 500, 501, 502, 503, 504]


def translate(error: BaseException) -> WetreadError:
    with pytest.raises(WetreadError) as raised, translated(CALL, SUBJECT):
        raise error
    return raised.value


@pytest.mark.parametrize("status", STATUSES)
def test_the_status_decides_the_family(status: int) -> None:
    error = failure(status, CALL, SUBJECT)
    again = status in RETRIABLE_HTTP_STATUS or status == 412
    assert isinstance(error, RetriableError if again else PermanentError)
    assert f"{CALL} answered {status} for {SUBJECT}." in str(error)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "not-found"),
        (412, "precondition-failed"),
        (503, "service-unavailable"),
        (403, "request-rejected"),
    ],
)
def test_codes_of_statuses(status: int, code: str) -> None:
    assert failure(status, CALL, SUBJECT).code == code


FAILURES: list[tuple[BaseException, str]] = [
    *((exceptions.from_http_status(status, SECRET), "") for status in STATUSES),
    (
        exceptions.RetryError(SECRET, cause=exceptions.ServiceUnavailable(SECRET)),
        "service-unavailable",
    ),
    (exceptions.DeadlineExceeded(SECRET), "service-unavailable"),
    (exceptions.ResourceExhausted(SECRET), "service-unavailable"),
    (exceptions.FailedPrecondition(SECRET), "request-rejected"),
    (requests.exceptions.ConnectionError(SECRET), "service-unavailable"),
    (requests.exceptions.ReadTimeout(SECRET), "service-unavailable"),
    (requests.exceptions.ChunkedEncodingError(SECRET), "service-unavailable"),
    (requests.exceptions.ContentDecodingError(SECRET), "service-unavailable"),
    (requests.exceptions.TooManyRedirects(SECRET), "service-unavailable"),
    (requests.exceptions.InvalidURL(SECRET), "service-unavailable"),
    (ConnectionResetError(SECRET), "service-unavailable"),
    (auth_exceptions.TransportError(SECRET), "service-unavailable"),
    (auth_exceptions.RefreshError(SECRET), "request-rejected"),
    (auth_exceptions.RefreshError(SECRET, retryable=True), "service-unavailable"),
    (DataCorruption(requests.Response(), SECRET), "answer-malformed"),
    (ParseError(SECRET), "answer-malformed"),
]


@pytest.mark.parametrize(("error", "code"), FAILURES, ids=lambda value: type(value).__name__)
def test_no_url_or_object_name_survives(error: BaseException, code: str) -> None:
    found = translate(error)
    assert code in ("", found.code)
    assert SUBJECT in str(found)
    printed = "".join(traceback.format_exception(found))
    for secret in (SECRET, "Doe", "ward", "https://"):
        assert secret not in printed


def test_what_the_caller_expects_passes() -> None:
    with (
        pytest.raises(exceptions.NotFound),
        translated(CALL, SUBJECT, expected=(exceptions.NotFound,)),
    ):
        raise exceptions.NotFound("gone")


def test_an_error_of_ours_and_a_mistake_in_the_code_pass() -> None:
    for error in (failure(404, CALL, SUBJECT), ZeroDivisionError()):
        with pytest.raises(type(error)) as raised, translated(CALL, SUBJECT):
            raise error
        assert raised.value is error


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_tried_again_within_a_call(status: int) -> None:
    is_retried = RETRY._predicate(exceptions.from_http_status(status, SECRET))
    assert is_retried == (status in RETRIABLE_HTTP_STATUS)


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [
        (requests.exceptions.ConnectionError(), True),
        (requests.exceptions.ReadTimeout(), True),
        (ConnectionResetError(), True),
        (auth_exceptions.TransportError(), True),
        (requests.exceptions.InvalidURL(), False),
        (auth_exceptions.RefreshError(), False),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_lost_connections_are_tried_again_and_mistakes_are_not(
    error: Exception, is_retried: bool
) -> None:
    assert RETRY._predicate(error) is is_retried


class Answers:
    """A session that gives the prepared answers in turn, and remembers the requests."""

    def __init__(self, *answers: requests.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        self.requests.append((method, url, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(status: int, body: bytes = b"{}") -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.url = SECRET
    return response


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Answers]]:
    """Send one request to prepared answers, with retries that do not wait."""
    quick = RETRY.with_delay(0.0, 0.0, 1.0).with_timeout(0.2)
    monkeypatch.setattr(http, "RETRY", quick)

    def sent(*answers: requests.Response | Exception, **options: Any) -> tuple[Any, Answers]:
        session = Answers(*answers)
        api = HttpApi(session, "https://healthcare.example/v1/")
        return api.send("GET", "a/b", call=CALL, subject=SUBJECT, **options), session

    return sent


@pytest.mark.parametrize("status", sorted(RETRIABLE_HTTP_STATUS))
def test_a_request_is_repeated_while_the_service_is_at_fault(
    send: Callable[..., tuple[Any, Answers]], status: int
) -> None:
    lost = requests.exceptions.ConnectionError(SECRET)
    response, session = send(answer(status), lost, answer(200))
    assert response.status_code == 200
    assert [url for _, url, _ in session.requests] == ["https://healthcare.example/v1/a/b"] * 3
    assert all(options["timeout"] == retries.TIMEOUT_SECONDS for *_, options in session.requests)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412])
def test_a_refusal_is_not_repeated(send: Callable[..., tuple[Any, Answers]], status: int) -> None:
    with pytest.raises(WetreadError) as raised:
        send(answer(status))
    assert f"answered {status}" in str(raised.value)
    assert "example" not in str(raised.value)


def test_a_status_that_the_caller_accepts_is_an_answer(
    send: Callable[..., tuple[Any, Answers]],
) -> None:
    response, _ = send(answer(404), accept_status=(200, 404))
    assert response.status_code == 404


def test_retries_end(send: Callable[..., tuple[Any, Answers]]) -> None:
    failing = [answer(503) for _ in range(100_000)]
    with pytest.raises(RetriableError) as raised:
        send(*failing)
    assert raised.value.code == "service-unavailable"


def test_an_answer_that_is_no_json_is_not_quoted() -> None:
    page = answer(200, f"<html>{SECRET}".encode())
    with pytest.raises(RetriableError) as raised:
        json_body(page, CALL, SUBJECT)
    assert raised.value.code == "answer-malformed"
    assert SECRET not in "".join(traceback.format_exception(raised.value))
