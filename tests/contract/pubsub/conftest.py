"""The official Pub/Sub clients, pointed at a local cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.contract.pubsub.clients import Clients


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[[str], Clients]]:
    """Clients for a server's address; closed at the end."""
    opened: list[Clients] = []

    def open_clients(address: str) -> Clients:
        opened.append(Clients(address))
        return opened[-1]

    yield open_clients
    for clients in opened:
        clients.close()


@pytest.fixture(scope="session")
def pubsub(cloud: Any, connect: Callable[[str], Clients]) -> Clients:
    """Clients of the shared local cloud."""
    return connect(cloud.pubsub)
