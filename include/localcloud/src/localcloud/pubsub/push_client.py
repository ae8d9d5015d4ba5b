"""Posts one push and reads the status of its answer, and nothing more of it.

Only the status line decides, so an answer can be of any length without being held.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from localcloud.pubsub.limits import FIRST_CONNECT_SECONDS
from localcloud.pubsub.push_request import PushRequest

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: .*)?\r?\n", re.DOTALL)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Outcome:
    """What came of a push: the status of its answer, or None without one."""

    status: int | None
    congested: bool = False
    """Whether it had to connect more than once."""


async def post(request: PushRequest, timeout_seconds: float) -> Outcome:
    """Post a push and wait for its answer."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _post(request)
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return Outcome(None)


async def _post(request: PushRequest) -> Outcome:
    parts = urlsplit(request.url)
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    patience_seconds = FIRST_CONNECT_SECONDS
    while True:
        try:
            async with asyncio.timeout(patience_seconds):
                reader, writer = await asyncio.open_connection(
                    parts.hostname, parts.port or _PORTS[parts.scheme], ssl=secure
                )
            break
        except TimeoutError:
            patience_seconds *= 2
    try:
        writer.write(_head(request))
        writer.write(request.body)
        await writer.drain()
        match = _STATUS_LINE.fullmatch(await reader.readline())
        return Outcome(int(match[1]) if match else None, patience_seconds > FIRST_CONNECT_SECONDS)
    finally:
        writer.close()


def _head(request: PushRequest) -> bytes:
    parts = urlsplit(request.url)
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    headers = {
        "Host": parts.netloc.rpartition("@")[2],
        "User-Agent": "localcloud",
        "Content-Length": str(len(request.body)),
        "Connection": "close",
        **request.headers,
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
