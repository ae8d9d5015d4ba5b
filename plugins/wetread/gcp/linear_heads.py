"""Weights that an installation has laid down for a foundation model's embeddings."""

from __future__ import annotations

from wetread.core.errors import problem
from wetread.core.predictions.linear_head import LinearHead, read_linear_head
from wetread.gcp.storage import Bucket


def fetch_linear_head(state: Bucket, name: str) -> LinearHead:
    """Read weights from the state bucket.

    Raises
    ------
    PermanentError
        ``not-found``; ``settings-invalid``: it is no such table of weights.
    """
    subject = f"linear head {name}"
    try:
        return read_linear_head(state.read(f"heads/{name}", subject).decode("utf-8", "replace"))
    except ValueError as wrong_weights:
        raise problem("settings-invalid", f"{subject}: {wrong_weights}") from None
