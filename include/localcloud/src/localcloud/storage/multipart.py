"""``multipart/related`` upload bodies: one JSON part, one data part.

Source: https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object and RFC 2387
"""

from __future__ import annotations

import json
from email.message import Message
from typing import Any

from localcloud.errors import invalid_argument
from localcloud.http.body import Body

_MAX_HEAD_BYTES = 16 << 10
_MAX_METADATA_BYTES = 1 << 20


def split_related(content_type: str, body: Body) -> tuple[dict[str, Any], str | None, memoryview]:
    """Return the object resource, the data's content type and the data, without a copy of it.

    The data may hold anything, the boundary's text without its line break included.

    Raises
    ------
    GoogleError
        400 when the body does not have the two parts.
    """
    delimiter = b"--" + _boundary(content_type)
    start = body.find(delimiter, 0)
    second = body.find(b"\n" + delimiter, start + len(delimiter))
    end = body.rfind(b"\n" + delimiter + b"--")
    if start < 0 or second < 0 or end <= second or second - start > _MAX_METADATA_BYTES:
        raise invalid_argument("Multipart must contain exactly two non-empty parts.")
    view = body.view
    _, metadata_at = _head(view, start + len(delimiter), second)
    headers, data_at = _head(view, second + 1 + len(delimiter), end)
    # The line break before a delimiter belongs to the delimiter.
    if end > data_at and bytes(view[second - 1 : second]) == bytes(view[end - 1 : end]) == b"\r":
        end -= 1
    metadata = bytes(view[metadata_at:second])
    try:
        resource = json.loads(metadata) if metadata.strip() else {}
    except (ValueError, RecursionError) as error:
        raise invalid_argument(f"Invalid JSON in the first part: {error}.") from error
    if not isinstance(resource, dict):
        raise invalid_argument("The first part must be a JSON object.")
    return resource, headers.get("content-type"), view[data_at:end]


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if not boundary:
        raise invalid_argument("A multipart upload needs a boundary in its Content-Type.")
    return boundary.encode("latin-1", errors="replace")


def _head(view: memoryview, start: int, end: int) -> tuple[dict[str, str], int]:
    """Return the headers of a part and where its content begins."""
    head = bytes(view[start : min(end, start + _MAX_HEAD_BYTES)])
    at = 2 if head.startswith(b"\r\n") else 1
    headers: dict[str, str] = {}
    while at < len(head):
        stop = head.find(b"\n", at)
        line = head[at:] if stop < 0 else head[at:stop]
        at = len(head) if stop < 0 else stop + 1
        if not line.strip():
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, min(start + at, end)
