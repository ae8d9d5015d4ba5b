"""Points and polygons in proto3 JSON, where a coordinate of 0 is absent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def vertices(corners: Iterable[tuple[float, float]]) -> list[dict[str, float]]:
    """Return corners (x, y) as a list of vertices."""
    return [
        {axis: round(value, 6) for axis, value in zip("xy", corner, strict=True) if value}
        for corner in corners
    ]


def polygon(corners: Iterable[tuple[float, float]]) -> dict[str, Any]:
    """Return corners in pixels as a ``BoundingPoly``."""
    return {"vertices": vertices(corners)}


def box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    """Return the corners of an upright box, clockwise from the top left."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
