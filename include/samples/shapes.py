"""Soft-edged shapes painted into an image by coordinates in millimetres.

Every edge is blurred over about a pixel, as a scanner's point spread does, so that nothing in a
phantom is sharper than an image can be. Only the bounding box of a shape is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Grid:
    """A square image of ``size`` pixels of ``spacing_mm``, with the origin in its middle."""

    size: int
    spacing_mm: float

    def axis_mm(self) -> Image:
        """Return the position of each column (or row)."""
        return ((np.arange(self.size) - (self.size - 1) / 2) * self.spacing_mm).astype(np.float32)

    def box(
        self, x_mm: float, y_mm: float, reach_mm: tuple[float, float]
    ) -> tuple[slice, slice, Image, Image]:
        """Return the rows and columns within reach of a point, and their x and y positions."""
        axis = self.axis_mm()
        x0, x1 = np.searchsorted(axis, [x_mm - reach_mm[0], x_mm + reach_mm[0]])
        y0, y1 = np.searchsorted(axis, [y_mm - reach_mm[1], y_mm + reach_mm[1]])
        return slice(y0, y1), slice(x0, x1), axis[x0:x1][None, :], axis[y0:y1][:, None]


def blend(image: Image, where: tuple[slice, slice], coverage: Image, value: float | Image) -> None:
    """Mix ``value`` into a box of ``image``, ``coverage`` being its share of each pixel."""
    part = image[where]
    part += coverage * (value - part)


def ellipse_coverage(
    grid: Grid,
    centre_mm: tuple[float, float],
    radii_mm: tuple[float, float],
    *,
    power: float = 2.0,
    softness_mm: float | None = None,
) -> tuple[tuple[slice, slice], Image]:
    """Return the box of a (super)ellipse and the share of each of its pixels that lies inside."""
    soft = softness_mm or grid.spacing_mm * 1.2
    reach = (radii_mm[0] + soft, radii_mm[1] + soft)
    rows, columns, x, y = grid.box(*centre_mm, reach)
    u = np.abs((x - centre_mm[0]) / radii_mm[0]) ** power
    v = np.abs((y - centre_mm[1]) / radii_mm[1]) ** power
    inside_mm = (1 - (u + v) ** (1 / power)) * min(radii_mm)
    return (rows, columns), np.clip(inside_mm / soft + 0.5, 0, 1).astype(np.float32)


def paint_ellipse(
    image: Image,
    grid: Grid,
    centre_mm: tuple[float, float],
    radii_mm: tuple[float, float],
    value: float,
    *,
    power: float = 2.0,
    softness_mm: float | None = None,
) -> None:
    """Paint a (super)ellipse; nothing when a radius is not positive."""
    if min(radii_mm) <= 0:
        return
    where, coverage = ellipse_coverage(
        grid, centre_mm, radii_mm, power=power, softness_mm=softness_mm
    )
    blend(image, where, coverage, value)


def sphere_section_mm(radius_mm: float, offset_mm: float) -> float:
    """Return the radius of the circle that a plane ``offset_mm`` from the centre cuts."""
    return float(np.sqrt(max(0.0, radius_mm**2 - offset_mm**2)))
