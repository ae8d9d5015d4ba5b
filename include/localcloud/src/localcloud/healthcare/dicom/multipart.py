"""multipart/related bodies, taken apart and put together.

Source: RFC 2387, RFC 2046 section 5.1 and DICOM PS3.18 section 8.6
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from localcloud.healthcare.dicom.media_types import MediaType
from localcloud.healthcare.resources import invalid


@dataclass(frozen=True)
class Part:
    """One part: its media type and its content."""

    media_type: MediaType
    content: bytes


def split(body: bytes, boundary: str) -> list[Part]:
    """Take a multipart body apart.

    Raises
    ------
    GoogleError
        400 when the boundary does not occur, or the body ends without the closing boundary.
    """
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    position = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if position == 1:
        raise invalid("invalid multipart body: the boundary of the Content-Type does not occur")
    parts: list[Part] = []
    while True:
        position += len(delimiter)
        if body.startswith(b"--", position):
            return parts
        end = body.find(b"\r\n" + delimiter, position)
        if end < 0:
            raise invalid("invalid multipart body: it ends without the closing boundary")
        parts.append(_part(body, position, end))
        position = end + 2


def _part(body: bytes, start: int, end: int) -> Part:
    blank = body.find(b"\r\n\r\n", start, end + 2)
    head, content_start = (b"", start) if blank < 0 else (body[start:blank], blank + 4)
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return Part(MediaType.parse(value), body[content_start:end])
    return Part(MediaType.parse("application/dicom"), body[content_start:end])


def content_type(kind: str, boundary: str) -> str:
    return f'multipart/related; type="{kind}"; boundary={boundary}'


def new_boundary() -> str:
    return secrets.token_hex(16)


def join(parts: Iterable[tuple[str, Iterable[bytes]]], boundary: str) -> Iterator[bytes]:
    """Write parts, each a content type and its content in pieces."""
    for part_type, pieces in parts:
        yield f"--{boundary}\r\nContent-Type: {part_type}\r\n\r\n".encode()
        yield from pieces
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
