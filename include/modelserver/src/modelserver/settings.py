"""What the command line and Vertex AI's variables decide, in one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
SHIPPED_MODELS = Path(__file__).parent / "models"
GOOGLE_HOSTS = frozenset({"healthcare.googleapis.com:443", "storage.googleapis.com:443"})
STORAGE = "https://storage.googleapis.com"


@dataclass(frozen=True)
class Limits:
    """What bounds a request and the work that it causes."""

    request_bytes: int = 10 * MIB
    """The limit of a dedicated endpoint; a shared one's, 1.5 MiB, is Vertex AI's to keep."""
    volumes: int = 1
    """Volumes analysed at a time: each takes about a gigabyte."""
    images: int = 2
    """Requests for images analysed at a time."""
    waiting: int = 8
    """Requests that may wait for either; further ones are answered 429."""
    voxels: int = 1 << 28
    """A larger volume is refused: 1024 slices of 512 x 512, 2.3 GB while it is analysed."""
    pixels: int = 1 << 26
    """A larger image is refused before it is decoded."""
    transfer_bytes: int = 2 << 30
    """What one reference may bring."""
    transfer_seconds: float = 300.0
    """How long one reference may take in all."""
    silence_seconds: float = 30.0
    """How long a store may say nothing."""


@dataclass(frozen=True)
class Settings:
    """How a server runs; see ``modelserver --help``."""

    host: str = "127.0.0.1"
    port: int = 8604
    health_route: str = "/health"
    predict_route: str = ""
    """Binds one model to a route; empty leaves ``/v1/models/<name>:predict`` alone."""
    models: Path = SHIPPED_MODELS
    artifacts: str = ""
    """``gs://bucket/prefix`` to load models from instead: AIP_STORAGE_URI."""
    metadata_host: str = "metadata.google.internal"
    names: tuple[str, ...] = ()
    """The models to load; empty means all."""
    hosts: frozenset[str] = GOOGLE_HOSTS
    """``host:port`` that references may point to."""
    storage: str = STORAGE
    """Where ``gs://`` references are read: the base URL of the Cloud Storage JSON API."""
    threads: int = 2
    """Threads of one inference."""
    limits: Limits = field(default_factory=Limits)
