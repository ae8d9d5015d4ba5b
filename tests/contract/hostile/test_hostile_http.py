"""Requests that break HTTP itself, or never end."""

from __future__ import annotations

import random
import socket

import pytest
import requests
from tests.contract.hostile.server import BUCKET, HEALTH_SECONDS, Server, upload_head

README = "include/localcloud/README.md#bad-input"
RFC_9112 = "https://www.rfc-editor.org/rfc/rfc9112"
SERVICES = ("storage", "vision", "secretmanager")
_SLOW_SENDERS = 200

_BROKEN = {
    "noise": random.Random(1).randbytes(5000),
    "tls": bytes.fromhex("1603010200010001fc0303") + bytes(508),
    "no-version": b"GET\r\n\r\n",
    "negative-length": upload_head("broken", Content_Length=-3) + b"abc",
    "two-lengths": upload_head("broken", Content_Length=3, content_length=30) + b"abc",
    "not-a-chunk": upload_head("broken", Transfer_Encoding="chunked") + b"zz\r\nabc\r\n",
    "smuggled": upload_head("broken", Content_Length=4, Transfer_Encoding="chunked")
    + b"3\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.rule("localcloud.hostile.framing", RFC_9112)
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("broken", _BROKEN)
def test_what_is_not_http_is_refused(server: Server, service: str, broken: str) -> None:
    answer = server.raw(_BROKEN[broken], service)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert requests.get(server.object_url("broken"), timeout=10).status_code == 404


@pytest.mark.rule("localcloud.hostile.head", README)
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "endless",
    [b"X: " + b"a" * (20 << 20), b"X: a\r\n" * (2 << 20)],
    ids=["one-header", "many-headers"],
)
def test_a_head_has_an_end(server: Server, service: str, endless: bytes) -> None:
    answer = server.raw(b"GET / HTTP/1.1\r\nHost: local\r\n" + endless, service)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


@pytest.mark.rule("localcloud.hostile.truncated", README)
@pytest.mark.parametrize("head", ["length", "chunked"])
def test_half_a_body_stores_nothing(server: Server, head: str) -> None:
    headers = {"Content_Length": 1000} if head == "length" else {"Transfer_Encoding": "chunked"}
    body = b"half of it" if head == "length" else b"5\r\nhalf \r\n"
    answer = server.raw(upload_head("half", **headers) + body)
    assert not answer.startswith(b"HTTP/1.1 200")
    assert requests.get(server.object_url("half"), timeout=10).status_code == 404


@pytest.mark.rule("localcloud.hostile.slow", README)
def test_slow_senders_keep_nobody_waiting(server: Server) -> None:
    head = upload_head("slow", Content_Length=100_000)
    connections: list[socket.socket] = []
    try:
        for _ in range(_SLOW_SENDERS):
            connections.append(server.connect())
            connections[-1].sendall(head + b"a few bytes")
        assert server.health_seconds() < HEALTH_SECONDS
        assert server.upload("quick", b"x").elapsed.total_seconds() < HEALTH_SECONDS
    finally:
        for connection in connections:
            connection.close()
    assert requests.get(server.object_url("slow"), timeout=10).status_code == 404


@pytest.mark.rule("localcloud.hostile.header-values", RFC_9112)
@pytest.mark.parametrize("field", ["contentType", "cacheControl", "contentDisposition"])
def test_stored_text_never_becomes_a_header_of_its_own(server: Server, field: str) -> None:
    assert server.upload("injected", b"x").ok
    body = {field: "text/plain\r\nX-Evil: 1\r\n\r\n<p>\u6f22"}
    changed = requests.patch(server.object_url("injected"), json=body, timeout=10)
    assert changed.status_code in (200, 400)
    answer = requests.get(server.object_url("injected"), params={"alt": "media"}, timeout=10)
    assert answer.status_code == 200
    assert answer.content == b"x"
    assert "X-Evil" not in answer.headers


@pytest.mark.rule("localcloud.hostile.utf8", "https://www.rfc-editor.org/rfc/rfc3629")
@pytest.mark.parametrize("name", ["%C0%AF", "%ED%A0%80", "%FF", "%F5%80%80%80"])
def test_what_is_not_utf8_names_nothing(server: Server, name: str) -> None:
    url = f"{server.cloud.storage}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}"
    assert requests.post(url, data=b"x", timeout=10).status_code == 400
    assert requests.get(server.object_url(name), timeout=10).status_code == 400
    assert (
        requests.get(f"{server.fhir.base}/Patient?identifier={name}", timeout=10).status_code == 400
    )


@pytest.mark.rule(
    "localcloud.hostile.names", "https://cloud.google.com/storage/docs/objects#naming"
)
@pytest.mark.parametrize("name", ["..%2F..%2F..%2Fescaped", "%2Fetc%2Fescaped", "a%00b", "con%5Cx"])
def test_a_name_is_never_a_path(server: Server, name: str) -> None:
    url = f"{server.cloud.storage}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}"
    assert requests.post(url, data=b"named", timeout=10).status_code in (200, 400)
    answer = requests.get(server.object_url(name), params={"alt": "media"}, timeout=10)
    assert answer.status_code in (404, 400) or answer.content == b"named"
    assert not list(server.cloud.data.parent.rglob("*escaped*"))


@pytest.mark.rule("localcloud.hostile.dots", "https://cloud.google.com/storage/docs/objects#naming")
@pytest.mark.parametrize("name", ["%2e", "%2e%2e", "a%0d%0ab", "a" * 1025])
def test_names_that_google_refuses(server: Server, name: str) -> None:
    url = f"{server.cloud.storage}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}"
    assert requests.post(url, data=b"x", timeout=10).status_code == 400
