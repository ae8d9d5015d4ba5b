"""HTTP/1.1 that a fault can cut off without an answer, and with a head of limited size."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

DROP = "localcloud.drop"
# Far above Google's 16 KiB, so that only what is hostile meets it. The parser has no limit itself,
# and takes time that grows with the square of a header's length.
_MAX_HEAD_BYTES = 256 << 10


class DroppableProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, offering the application a way to close the socket (``scope``)."""

    _head_bytes = 0
    _in_body = False

    def on_message_begin(self) -> None:
        """Begin a request; ``scope["extensions"][DROP]()`` closes its connection."""
        super().on_message_begin()
        self._head_bytes, self._in_body = 0, False
        cast(MutableMapping[str, Any], self.scope)["extensions"] = {DROP: self.transport.abort}

    def on_headers_complete(self) -> None:
        """Hand the request on; what follows is its body."""
        super().on_headers_complete()
        self._in_body = True

    def data_received(self, data: bytes) -> None:
        """Read on, but not into a head that never ends."""
        if not self._in_body:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self.send_400_response("The request's headers are too large.")
                return
        super().data_received(data)

    def on_message_complete(self) -> None:
        """End a request; another may follow on the connection."""
        super().on_message_complete()
        self._head_bytes, self._in_body = 0, False
