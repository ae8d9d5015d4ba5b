"""``multipart/related`` upload bodies: one JSON part, one data part.

Source: https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object and RFC 2387
"""

from __future__ import annotations

import json
from email.message import Message
from typing import Any

from localcloud.errors import invalid_argument


def split_related(content_type: str, body: bytes) -> tuple[dict[str, Any], str | None, bytes]:
    """Return the object resource, the data's content type and the data.

    The data may hold anything, the boundary's text without its line break included.

    Raises
    ------
    GoogleError
        400 when the body does not have the two parts.
    """
    delimiter = b"--" + _boundary(content_type)
    start = body.find(delimiter)
    end = body.rfind(b"\n" + delimiter + b"--")
    second = body.find(b"\n" + delimiter, start + len(delimiter))
    if start < 0 or second < 0 or end <= second:
        raise invalid_argument("Multipart must contain exactly two non-empty parts.")
    _, metadata = _part(body[start + len(delimiter) : second])
    headers, data = _part(body[second + 1 + len(delimiter) : end])
    if data.endswith(b"\r") and body[second - 1 : second] == b"\r":
        data = data[:-1]
    try:
        resource = json.loads(metadata) if metadata.strip() else {}
    except ValueError as error:
        raise invalid_argument(f"Invalid JSON in the first part: {error}.") from error
    if not isinstance(resource, dict):
        raise invalid_argument("The first part must be a JSON object.")
    return resource, headers.get("content-type"), data


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if not boundary:
        raise invalid_argument("A multipart upload needs a boundary in its Content-Type.")
    return boundary.encode("latin-1")


def _part(part: bytes) -> tuple[dict[str, str], bytes]:
    part = part[2:] if part.startswith(b"\r\n") else part[1:]
    headers: dict[str, str] = {}
    while part:
        line, _, part = part.partition(b"\n")
        if not line.strip():
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, part
