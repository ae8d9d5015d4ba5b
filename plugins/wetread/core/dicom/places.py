"""Where a region lies: in the pixels of its image, or in millimetres on a slide."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.dicom.stand_in import image_size, numbers
from wetread.core.findings import Region
from wetread.core.pixels.attributes import functional_group

Corners = npt.NDArray[np.float64]
"""Top left, top right, bottom right, bottom left; shape (4, 2) or (4, 3)."""

_SMALLEST_SIDE_PIXELS = 1.0
"""A box without an area is nothing that a viewer could show."""


class TiledMatrix(NamedTuple):
    """The whole of which the frames of a slide are tiles, in pixels."""

    rows: int
    columns: int


def image_corners(region: Region, header: Dataset) -> Corners | None:
    """Return a region's corners as columns and rows from the top left corner of its frame.

    0 is the outer edge of the first pixel (PS3.3 C.10.5.1.2). What reaches beyond the image is cut
    off. None where the header does not say how large the image is.
    """
    rows, columns = image_size(header)
    if not rows or not columns:
        return None
    left, right = _side(region.x, region.width, columns)
    top, bottom = _side(region.y, region.height, rows)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _side(start: float, length: float, pixels: int) -> tuple[float, float]:
    first, last = (min(max(at, 0.0), 1.0) * pixels for at in (start, start + length))
    if last - first < _SMALLEST_SIDE_PIXELS:
        middle = min(max((first + last) / 2, _SMALLEST_SIDE_PIXELS / 2), pixels - 0.5)
        return middle - _SMALLEST_SIDE_PIXELS / 2, middle + _SMALLEST_SIDE_PIXELS / 2
    return first, last


def matrix_corners(region: Region, header: Dataset, frame_number: int) -> Corners | None:
    """Return a region's corners in the total pixel matrix of a slide (PS3.3 C.8.12.4.1.1).

    None where the header does not say where the frame lies in it: a tile of a sparse matrix has its
    place in functional groups, which a store may leave out of its metadata.
    """
    corners, offset = image_corners(region, header), _tile_offset(header, frame_number)
    return None if corners is None or offset is None else corners + offset


def _tile_offset(header: Dataset, frame_number: int) -> Corners | None:
    """Return the columns left of a tile and the rows above it."""
    plane = functional_group(header, frame_number, "PlanePositionSlideSequence")
    if plane is not None:
        place = _point(plane, ("ColumnPosition", "RowPosition"), "InTotalImagePixelMatrix")
        return None if place is None else np.array(place) - 1
    rows, columns = image_size(header)
    matrix = _matrix(header)
    if matrix is None or not rows or not columns:
        return None
    across, down = -(-matrix.columns // columns), -(-matrix.rows // rows)
    if header.get("DimensionOrganizationType") != "TILED_FULL" and across * down > 1:
        return None
    # Tiles go along the rows; focal planes and optical paths repeat them (PS3.3 C.7.6.17.3).
    # Parts of a concatenation count the frames before them (C.7.6.16.2.2.4).
    (before,) = numbers(header, "ConcatenationFrameOffsetNumber", 1) or [0]
    row, column = divmod((int(before) + frame_number - 1) % (across * down), across)
    return np.array([column * columns, row * rows], float)


def _matrix(header: Dataset) -> TiledMatrix | None:
    rows, columns = (header.get(f"TotalPixelMatrix{axis}") for axis in ("Rows", "Columns"))
    if isinstance(rows, int) and isinstance(columns, int) and rows > 0 and columns > 0:
        return TiledMatrix(rows, columns)
    return None


def slide_corners_mm(matrix_corners_pixels: Corners, header: Dataset) -> Corners | None:
    """Return points of the total pixel matrix in the slide's frame of reference, in millimetres.

    None where the header does not say where the matrix lies on the slide, or how large a pixel is.
    """
    from highdicom.spatial import ImageToReferenceTransformer

    origin = next(iter(header.get("TotalPixelMatrixOriginSequence") or ()), Dataset())
    measures = functional_group(header, 1, "PixelMeasuresSequence") or header
    position = _point(origin, ("XOffset", "YOffset"), "InSlideCoordinateSystem")
    orientation = numbers(header, "ImageOrientationSlide", 6)
    spacing = numbers(measures, "PixelSpacing", 2)
    if not (position and orientation and spacing) or min(spacing) <= 0:
        return None
    if not header.get("FrameOfReferenceUID"):
        return None
    # The matrix lies in the plane z = 0 of the slide (PS3.3 C.8.12.4.1.2).
    transformer = ImageToReferenceTransformer([*position, 0.0], orientation, spacing)
    return np.asarray(transformer(matrix_corners_pixels), float)


def _point(item: Dataset, axes: tuple[str, str], suffix: str) -> list[float] | None:
    """Return two coordinates that stand in attributes of their own."""
    found = [numbers(item, axis + suffix, 1) for axis in axes]
    return [value for one in found for value in one or ()] if None not in found else None
