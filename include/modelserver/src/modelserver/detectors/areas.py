"""Pictures of any size made small, each new pixel the mean of the area that it covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resized(image: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Return ``image`` (rows, columns) at another size; a smaller image's pixels are repeated."""
    return _along_rows(_along_rows(image, rows).T, columns).T


def _along_rows(image: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    total = np.zeros((image.shape[0] + 1, image.shape[1]))
    np.cumsum(image, axis=0, out=total[1:])
    edges = np.linspace(0, image.shape[0], count + 1)
    whole = np.minimum(edges.astype(int), image.shape[0] - 1)
    at_edges = total[whole] + (edges - whole)[:, None] * image[whole]
    means: NDArray[np.float32] = (np.diff(at_edges, axis=0) / np.diff(edges)[:, None]).astype("f4")
    return means
