"""Squares of a slide: how a request names them and an answer repeats them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wetread.core.findings import ImageReference
from wetread.core.pixels.metadata import Metadata
from wetread.core.pixels.metadata import integer as integer_of
from wetread.core.predictions.contract import PatchSquare
from wetread.core.predictions.embeddings import stacked, vector
from wetread.core.predictions.fields import Malformed, array, integer, record
from wetread.core.predictions.linear_head import Vectors

_FIELD = "patch_embeddings"
_MAX_PIXEL = 2**63 - 1


def coordinates(patches: Sequence[PatchSquare]) -> list[dict[str, int]]:
    """Return the squares as a request names them, in pixels from the top left corner."""
    return [
        {"x_origin": p.x, "y_origin": p.y, "width": p.width, "height": p.height} for p in patches
    ]


def tile_patches(
    tiles: Sequence[ImageReference], levels: Mapping[str, Metadata]
) -> tuple[PatchSquare, ...]:
    """Return where tiles of a slide's level lie, as squares of the size that models take.

    The tiles of a level fill it row by row (TILED_FULL, PS3.3 C.7.6.17.3).

    Parameters
    ----------
    levels : the instances that the tiles are frames of, by SOPInstanceUID
    """
    squares = []
    for tile in tiles:
        level = levels[tile.sop_instance_uid]
        rows, columns = (integer_of(level, name) or 1 for name in ("Rows", "Columns"))
        across = -(-(integer_of(level, "TotalPixelMatrixColumns") or columns) // columns)
        down, right = divmod(tile.frame_number - 1, across)
        squares.append(PatchSquare(x=right * columns, y=down * rows))
    return tuple(squares)


def patch_vectors(value: object, patches: Sequence[PatchSquare], vector_field: str) -> Vectors:
    """Return the vectors of ``patch_embeddings``, one for each patch asked for, in that order.

    Raises
    ------
    Malformed
        A patch is missing, comes twice or was not asked for, or a vector is none.
    """
    wanted = [(patch.x, patch.y) for patch in patches]
    found: dict[tuple[int, int], Vectors] = {}
    for index, item in enumerate(array(value, _FIELD, least=1)):
        where = f"{_FIELD}[{index}]"
        fields = record(item, where, required=("patch_coordinate", vector_field))
        corner = _corner(fields["patch_coordinate"], f"{where}.patch_coordinate")
        if corner in found:
            raise Malformed(f"{where} names a patch a second time")
        found[corner] = vector(fields[vector_field], f"{where}.{vector_field}")
    if found.keys() != set(wanted):
        raise Malformed(f"{_FIELD} must have the patches asked for, each and no other")
    return stacked([found[corner] for corner in wanted], _FIELD)


def _corner(value: object, where: str) -> tuple[int, int]:
    fields: Any = record(
        value, where, required=("x_origin", "y_origin"), optional=("width", "height")
    )
    return (
        integer(fields["x_origin"], f"{where}.x_origin", 0, _MAX_PIXEL),
        integer(fields["y_origin"], f"{where}.y_origin", 0, _MAX_PIXEL),
    )
