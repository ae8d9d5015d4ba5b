"""Frames of an instance, or the news that the whole instance has to be fetched."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.http import HttpApi

MULTIPART = 'multipart/related; type="application/octet-stream"; boundary=b'
BASELINE = "1.2.840.10008.1.2.4.50"


class OneAnswer:
    """A session that answers every request alike and remembers the last one."""

    def __init__(self, status: int, content_type: str = "", content: bytes = b"") -> None:
        self.answer = requests.Response()
        self.answer.status_code = status
        self.answer.headers["Content-Type"] = content_type
        self.answer._content = content
        self.asked: dict[str, Any] = {}

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        self.asked = {"method": method, "url": url, **options}
        return self.answer


def part(content: bytes, parameters: str = f"; transfer-syntax={BASELINE}") -> bytes:
    kind = b"Content-Type: application/octet-stream" + parameters.encode()
    return b"--b\r\n" + kind + b"\r\n\r\n" + content + b"\r\n"


def frames(session: OneAnswer, *numbers: int) -> tuple[str, list[bytes]] | None:
    client = DicomWebClient(HttpApi(session, "http://store.invalid/v1"), "dicomStores/s")
    return client.retrieve_frames("1.1", "1.2", "1.3", numbers, "a study")


def test_frames_come_in_the_order_asked_for_with_their_syntax() -> None:
    session = OneAnswer(200, MULTIPART, part(b"nine") + part(b"two\r\n") + b"--b--\r\n")
    assert frames(session, 9, 2) == (BASELINE, [b"nine", b"two\r\n"])
    assert session.asked["url"].endswith("/studies/1.1/series/1.2/instances/1.3/frames/9,2")
    assert session.asked["headers"]["Accept"].endswith("transfer-syntax=*")


def test_a_service_need_not_name_the_syntax() -> None:
    session = OneAnswer(200, MULTIPART, part(b"one", "") + b"--b--")
    assert frames(session, 1) == ("", [b"one"])


@pytest.mark.parametrize(
    "answer",
    [
        (400, MULTIPART, b""),
        (404, MULTIPART, b""),
        (406, MULTIPART, b""),
        (200, MULTIPART, part(b"one") + b"--b--"),
        (200, MULTIPART, part(b"one") + part(b"two")),
        (200, MULTIPART, part(b"one") + part(b"two", "; transfer-syntax=1.2.3") + b"--b--"),
        (200, MULTIPART, b"--b--"),
        (200, "application/octet-stream", b"onetwo"),
        (200, "", b""),
    ],
    ids=["400", "404", "406", "one", "cut", "two syntaxes", "empty", "bare", "no type"],
)
def test_anything_else_calls_for_the_whole_instance(answer: tuple[int, str, bytes]) -> None:
    assert frames(OneAnswer(*answer), 1, 2) is None
