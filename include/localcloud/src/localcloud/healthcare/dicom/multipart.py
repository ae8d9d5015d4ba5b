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
        if rest in (b"\r\n", _CLOSING) or rest[:1] in (b" ", b"\t"):
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


def join(parts: Iterable[tuple[str, Iterable[bytes]]], boundary: str) -> Iterator[bytes]:
    """Write parts, each a content type and its content in pieces."""
    for part_type, pieces in parts:
        yield f"--{boundary}\r\nContent-Type: {part_type}\r\n\r\n".encode()
        yield from pieces
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def reply(kind: str, parts: Iterable[tuple[str, Iterable[bytes]]]) -> Reply:
    """Answer with parts, streamed; each is a content type and its content in pieces."""
    boundary = secrets.token_hex(16)
    content_type = f'multipart/related; type="{kind}"; boundary={boundary}'
    return Reply(200, join(parts, boundary), content_type)
