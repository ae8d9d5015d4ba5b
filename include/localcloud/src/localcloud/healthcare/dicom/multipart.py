"""multipart/related bodies, taken apart and put together.

Source: RFC 2387, RFC 2046 section 5.1 and DICOM PS3.18 section 8.6
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from localcloud.healthcare.dicom.media_types import MediaType
from localcloud.healthcare.resources import invalid
from localcloud.http.body import Body
from localcloud.http.call import Reply

_MAX_PARTS = 50_000
_MAX_HEAD_BYTES = 16 << 10
_CLOSING = b"--"
_CRLF = b"\r\n"


@dataclass(frozen=True)
class Part:
    """One part: its media type, its ``Content-Location`` and its content, which is not a copy."""

    media_type: MediaType
    location: str
    content: memoryview


def split(body: Body, boundary: str) -> list[Part]:
    """Take a multipart body apart.

    Raises
    ------
    GoogleError
        400 when the boundary does not occur, when the body ends without the closing boundary, or
        when a part has no headers.
    """
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    start = _first(body, delimiter)
    parts: list[Part] = []
    while bytes(body.view[start : start + 2]) != _CLOSING:
        if len(parts) == _MAX_PARTS:
            raise invalid(f"invalid multipart body: it has more than {_MAX_PARTS} parts")
        end, after = _next(body, b"\r\n" + delimiter, start)
        parts.append(_part(body, start, end))
        start = after
    return parts


def _first(body: Body, delimiter: bytes) -> int:
    """Return where the first delimiter line ends; what comes before it has no meaning."""
    if bytes(body.view[: len(delimiter)]) == delimiter:
        return len(delimiter)
    found = body.find(b"\r\n" + delimiter, 0)
    if found < 0:
        raise invalid("invalid multipart body: the boundary of the Content-Type does not occur")
    return found + 2 + len(delimiter)


def _next(body: Body, delimiter: bytes, start: int) -> tuple[int, int]:
    """Return where a part ends, and where the delimiter after it does.

    A delimiter has the line for itself (RFC 2046): longer text that begins like it is content.
    """
    found = body.find(delimiter, start)
    while found >= 0:
        after = found + len(delimiter)
        rest = bytes(body.view[after : after + 2])
        if rest in (_CRLF, _CLOSING) or rest[:1] in (b" ", b"\t"):
            return found, after
        found = body.find(delimiter, found + 1)
    raise invalid("invalid multipart body: it ends without the closing boundary")


def _part(body: Body, start: int, end: int) -> Part:
    blank = body.find(b"\r\n\r\n", start, min(end + 2, start + _MAX_HEAD_BYTES))
    if blank < 0:
        raise invalid("invalid multipart body: a part has no headers")
    fields: dict[str, str] = {}
    for line in bytes(body.view[start:blank]).decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    if "content-type" not in fields:
        raise invalid("invalid multipart body: a part has no Content-Type")
    return Part(
        MediaType.parse(fields["content-type"]),
        fields.get("content-location", ""),
        body.view[blank + 4 : max(blank + 4, end)],
    )


@dataclass(frozen=True)
class Outgoing:
    """A part of an answer: its content type and its content in pieces."""

    content_type: str
    content: Iterable[bytes]


def size_bytes(parts: Iterable[tuple[str, int]]) -> int:
    """Return the size of an answer from the type and size of each of its parts."""
    boundary = _new_boundary()
    size = len(_closing(boundary))
    for content_type, content_bytes in parts:
        size += len(_head(content_type, boundary)) + content_bytes + len(_CRLF)
    return size


def reply(kind: str, parts: Iterable[Outgoing], size: int | None = None) -> Reply:
    """Answer with parts, streamed; of a known size, if it is."""
    boundary = _new_boundary()
    content_type = f'multipart/related; type="{kind}"; boundary={boundary}'
    headers = {} if size is None else {"Content-Length": str(size)}
    return Reply(200, _joined(parts, boundary), content_type, headers)


def _joined(parts: Iterable[Outgoing], boundary: str) -> Iterator[bytes]:
    for part in parts:
        yield _head(part.content_type, boundary)
        yield from part.content
        yield _CRLF
    yield _closing(boundary)


def _head(content_type: str, boundary: str) -> bytes:
    return f"--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode()


def _closing(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()


def _new_boundary() -> str:
    return secrets.token_hex(16)
