"""HTTP/1.1 that a fault can cut off without an answer."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

DROP = "localcloud.drop"


class DroppableProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, offering the application a way to close the socket (``scope``)."""

    def on_message_begin(self) -> None:
        """Begin a request; ``scope["extensions"][DROP]()`` closes its connection."""
        super().on_message_begin()
        cast(MutableMapping[str, Any], self.scope)["extensions"] = {DROP: self.transport.abort}
