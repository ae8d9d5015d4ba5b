"""Bodies of ``multipart/related`` (RFC 2387): answers part by part while they arrive, requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from email import message_from_bytes
from email.message import Message
from uuid import uuid4

_HEADERS_END = b"\r\n\r\n"


def parts(content_type: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of each part, as :func:`parts_with_headers` does."""
    for _, content in parts_with_headers(content_type, chunks):
        yield content


def parts_with_headers(
    content_type: str, chunks: Iterable[bytes]
) -> Iterator[tuple[Message, bytes]]:
    """Yield headers and content of each part; no more than one part and one chunk is held.

    A body that ends before its closing delimiter ends the iteration, its last part being lost.

    Raises
    ------
    ValueError
        The content type names no boundary.
    """
    delimiter = b"\r\n--" + _boundary(content_type)
    held = bytearray(b"\r\n")  # so that the first delimiter looks like every other
    searched, is_first = 0, True
    for chunk in chunks:
        held += chunk
        while (end := held.find(delimiter, searched)) >= 0:
            if not is_first:
                start = held.find(_HEADERS_END) + len(_HEADERS_END)
                headers = message_from_bytes(bytes(held[:start]).lstrip())
                yield headers, bytes(memoryview(held)[start:end])
            del held[: end + len(delimiter)]
            searched, is_first = 0, False
        # A delimiter may lie across two chunks.
        searched = max(len(held) - len(delimiter), 0)


def joined(media_type: str, contents: Sequence[bytes]) -> tuple[str, bytes]:
    """Return the content type and the body of a request with one part per item of ``contents``."""
    boundary = uuid4().hex
    head = f"--{boundary}\r\nContent-Type: {media_type}\r\n\r\n".encode()
    body = b"".join(piece for content in contents for piece in (head, content, b"\r\n"))
    content_type = f'multipart/related; type="{media_type}"; boundary={boundary}'
    return content_type, body + f"--{boundary}--\r\n".encode()


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if not boundary:
        raise ValueError("the answer is not multipart")
    return boundary.encode()
