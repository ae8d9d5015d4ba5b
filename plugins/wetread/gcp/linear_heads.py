"""Weights that an installation has laid down for a foundation model's embeddings."""

from __future__ import annotations

from collections.abc import Callable

from wetread.core.errors import problem
from wetread.core.predictions.linear_head import LinearHead, read_linear_head
from wetread.gcp.storage import Bucket


def fetch_linear_head(bucket: Callable[[str], Bucket], address: str) -> LinearHead:
    """Read the weights at a ``gs://`` address; ``bucket`` returns a bucket by its name.

    Raises
    ------
    PermanentError
        ``not-found``; ``settings-invalid``: it is no such table of weights.
    """
    bucket_name, _, name = address.removeprefix("gs://").partition("/")
    subject = "linear head of an analysis"
    try:
        return read_linear_head(bucket(bucket_name).read(name, subject).decode("utf-8", "replace"))
    except ValueError as error:
        raise problem("settings-invalid", f"{subject}: {error}") from None
