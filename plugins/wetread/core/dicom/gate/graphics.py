"""How many coordinates a graphic has (PS3.3 C.18.6 and C.18.9)."""

from __future__ import annotations

import math
from typing import Final

from pydicom import Dataset

_POINTS: Final = {
    "SCOORD": {
        "POINT": (1, 1),
        "MULTIPOINT": (1, math.inf),
        "POLYLINE": (2, math.inf),
        "CIRCLE": (2, 2),
        "ELLIPSE": (4, 4),
    },
    "SCOORD3D": {
        "POINT": (1, 1),
        "MULTIPOINT": (1, math.inf),
        "POLYLINE": (2, math.inf),
        "POLYGON": (4, math.inf),
        "ELLIPSE": (4, 4),
        "ELLIPSOID": (6, 6),
    },
}
"""Fewest and most points by Graphic Type; a polygon repeats its first point at the end."""


def is_graphic(item: Dataset) -> bool:
    """Tell whether Graphic Data of an SCOORD or SCOORD3D item fits its Graphic Type."""
    kind, graphic = str(item.ValueType), str(item.get("GraphicType"))
    dimensions = 3 if kind == "SCOORD3D" else 2
    values = [float(value) for value in _listed(item.get("GraphicData"))]
    points, rest = divmod(len(values), dimensions)
    fewest, most = _POINTS[kind].get(graphic, (math.inf, 0))
    if rest or not fewest <= points <= most or not all(map(math.isfinite, values)):
        return False
    return graphic != "POLYGON" or values[:dimensions] == values[-dimensions:]


def _listed(value: object) -> list[float]:
    return list(value) if isinstance(value, list) or hasattr(value, "__iter__") else []
