"""What the local cloud is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.behaviour import GOOGLE, Behaviour

DEFAULT_PORTS: Mapping[str, int] = {
    "storage": 8600,
    "pubsub": 8601,
    "vertex": 8605,
    "vision": 8606,
    "secretmanager": 8607,
}
"""The listeners; Healthcare is served on Storage's port, and Pub/Sub speaks gRPC."""


@dataclass(frozen=True)
class Settings:
    """Where the local cloud keeps its state and listens; a port of 0 takes any free one.

    ``public_host`` is the name under which clients reach it, where that is not ``host``;
    ``model_servers`` gives Vertex AI the base URL of the server behind an image URI.
    """

    data: Path
    host: str = "127.0.0.1"
    public_host: str | None = None
    ports: Mapping[str, int] = field(default_factory=lambda: DEFAULT_PORTS)
    behaviour: Behaviour = GOOGLE
    model_servers: Mapping[str, str] = field(default_factory=dict)
    require_token: bool = False
    iam: Path | None = None
