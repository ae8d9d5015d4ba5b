"""One bounded GET: no redirect, no proxy of the environment, no identifier in an error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import urllib3

from modelserver.errors import InstanceError
from modelserver.settings import Limits

_CHUNK_BYTES = 1 << 20
_CONNECT_SECONDS = 10.0
_PAUSES_SECONDS = (0.5, 1.0)
"""A store that is busy or away is asked again after these; the caller retries in minutes."""

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_CODES = {401: "REFERENCE_DENIED", 403: "REFERENCE_DENIED", 404: "REFERENCE_NOT_FOUND"}


@dataclass(frozen=True)
class Content:
    """An answer whose body is still on the network."""

    content_type: str
    chunks: Iterator[bytes]


class Fetcher:
    """Reads what references point to; shared by threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=limits.silence_seconds)
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout, maxsize=4)

    def close(self) -> None:
        self._pool.clear()

    @contextmanager
    def open(self, url: str, token: str | None, accept: str = "*/*") -> Iterator[Content]:
        """Yield an answer; its chunks raise as this does.

        Raises
        ------
        InstanceError
            ``REFERENCE_DENIED``, ``REFERENCE_NOT_FOUND``, ``REFERENCE_INVALID``,
            ``REFERENCE_TOO_LARGE``, ``REFERENCE_UNAVAILABLE``.
        """
        deadline = time.monotonic() + self._limits.transfer_seconds
        headers = {"Accept": accept}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        with _translated():
            response = self._request(url, headers)
        try:
            _require_ok(response.status)
            content_type = response.headers.get("Content-Type", "")
            yield Content(content_type, self._chunks(response, deadline))
        finally:
            # Without reading the rest: a connection with a half-read body is of no further use.
            response.close()

    def read(self, url: str, token: str | None, accept: str, limit_bytes: int) -> bytes:
        """Return a whole body of at most ``limit_bytes``; raises as :meth:`open` does."""
        body = bytearray()
        with self.open(url, token, accept) as content:
            for chunk in content.chunks:
                body += chunk
                if len(body) > limit_bytes:
                    raise InstanceError(
                        "REFERENCE_TOO_LARGE", f"the object is over {limit_bytes} bytes."
                    )
        return bytes(body)

    def _request(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        for pause in (*_PAUSES_SECONDS, None):
            response = self._pool.request(
                "GET", url, headers=headers, redirect=False, preload_content=False
            )
            if response.status not in _BUSY or pause is None:
                break
            response.close()
            time.sleep(pause)
        return response

    def _chunks(self, response: urllib3.BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
        received = 0
        with _translated():
            for chunk in response.stream(_CHUNK_BYTES, decode_content=True):
                received += len(chunk)
                if received > self._limits.transfer_bytes:
                    limit = self._limits.transfer_bytes
                    raise InstanceError("REFERENCE_TOO_LARGE", f"it is over {limit} bytes.")
                if time.monotonic() > deadline:
                    seconds = self._limits.transfer_seconds
                    raise InstanceError("REFERENCE_UNAVAILABLE", f"it took over {seconds:g} s.")
                yield chunk


def _require_ok(status: int) -> None:
    if status == 200:
        return
    code = _CODES.get(status, "REFERENCE_UNAVAILABLE" if status in _BUSY else "REFERENCE_INVALID")
    raise InstanceError(code, f"the store answered {status}.")


@contextmanager
def _translated() -> Iterator[None]:
    """urllib3's messages repeat the address, which identifies the study."""
    try:
        yield
    except urllib3.exceptions.HTTPError as error:
        raise InstanceError(
            "REFERENCE_UNAVAILABLE", f"the store could not be read ({type(error).__name__})."
        ) from None
