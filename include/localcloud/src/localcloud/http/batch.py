"""Many calls in one request: ``multipart/mixed`` of ``application/http`` parts.

Source: https://cloud.google.com/storage/docs/batch
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from localcloud.errors import invalid_argument
from localcloud.http.body import Body
from localcloud.http.call import Reply, header_value

_BOUNDARY = "batch_localcloud"
_MAX_BYTES = 10 << 20
_NO_MEDIA = "A batch cannot hold uploads or downloads of media."


@dataclass(frozen=True)
class BatchPart:
    """One call of a batch; ``content_id`` relates its answer to it."""

    content_id: str
    verb: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def transfers_media(self) -> bool:
        """Whether the call uploads or downloads content, which no batch may."""
        is_media_path = self.path.startswith(("/upload/", "/download/"))
        return is_media_path or ("alt", "media") in parse_qsl(self.query)


def parse(content_type: str, payload: Body, max_calls: int) -> list[BatchPart]:
    """Split a batch into its calls.

    Raises
    ------
    GoogleError
        400 when it is not one, is too large, or holds more calls than a client may send.
    """
    if len(payload) > _MAX_BYTES:
        raise invalid_argument(f"A batch has at most {_MAX_BYTES} bytes, not {len(payload)}.")
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if not boundary or not boundary.isascii():
        raise invalid_argument("A batch needs multipart/mixed with a boundary.")
    # One more than there may be, and the closing line; not as many as there are.
    pieces = (b"\n" + payload.read()).split(b"\n--" + boundary.encode(), max_calls + 2)[1:]
    calls = [piece for piece in pieces if not piece.startswith(b"--")]
    if len(calls) > max_calls:
        raise invalid_argument(f"A batch holds at most {max_calls} calls; send several batches.")
    parts = [_part(call) for call in calls]
    if any(part.transfers_media for part in parts):
        raise invalid_argument(_NO_MEDIA)
    return parts


def render(answers: Iterable[tuple[str, Reply]]) -> Reply:
    """Join the answers to the calls of a batch, in order."""
    out = bytearray()
    for content_id, reply in answers:
        out += f"--{_BOUNDARY}\r\nContent-Type: application/http\r\n".encode()
        out += b"Content-ID: <response-" + header_value(content_id) + b">\r\n\r\n"
        if isinstance(reply.body, bytes):
            out += _rendered(reply, reply.body)
        else:
            # Only content is streamed, and may be of any size.
            error = {"code": 400, "message": _NO_MEDIA}
            refusal = json.dumps({"error": error}).encode()
            out += _rendered(Reply(400), refusal)
    out += f"--{_BOUNDARY}--\r\n".encode()
    return Reply(200, bytes(out), f"multipart/mixed; boundary={_BOUNDARY}")


def _rendered(reply: Reply, body: bytes) -> bytes:
    headers = {
        "Content-Type": reply.content_type,
        "Content-Length": str(len(body)),
        **reply.headers,
    }
    lines = [
        f"HTTP/1.1 {reply.status} {_phrase(reply.status)}".encode(),
        *(name.encode() + b": " + header_value(value) for name, value in headers.items()),
        b"",
        body,
    ]
    return b"\r\n".join(lines) + b"\r\n"


def _part(piece: bytes) -> BatchPart:
    outer, inner = _split_headers(piece.lstrip(b"\r\n"))
    request, _, rest = inner.lstrip(b"\r\n").partition(b"\n")
    words = request.decode("latin-1").split()
    if len(words) < 2:
        raise invalid_argument("A part of the batch does not hold an HTTP request.")
    headers, body = _split_headers(rest)
    try:
        url = urlsplit(words[1])
    except ValueError:
        raise invalid_argument("A part of the batch does not hold a URL.") from None
    content_id = outer.get("content-id", "").strip("<>")
    return BatchPart(
        content_id, words[0].upper(), url.path, url.query, headers, body.rstrip(b"\r\n")
    )


def _split_headers(text: bytes) -> tuple[dict[str, str], bytes]:
    headers: dict[str, str] = {}
    while text:
        line, _, text = text.partition(b"\n")
        if not line.strip():
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, text


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
