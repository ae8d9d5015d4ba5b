"""Which pixels of which images findings cover, as arrays."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wetread.core.findings import Mask

_Plane = npt.NDArray[np.bool_]
Segments = npt.NDArray[np.unsignedinteger[Any]]


def masked_images(masks: Sequence[Mask]) -> tuple[str, ...]:
    """Return the SOPInstanceUIDs of all images that a mask is of, each once."""
    return tuple(dict.fromkeys(uid for mask in masks for uid in mask.sop_instance_uids))


def covers(mask: Mask, rows: int, columns: int) -> bool:
    """Tell whether a mask has a pixel in images of this size."""
    return any(plane.any() for _, _, plane in _planes(mask, rows, columns))


def segment_pixels(masks: Sequence[Mask], rows: int, columns: int) -> Segments:
    """Return the segments of the images of :func:`masked_images`.

    Shape (images, rows, columns), a pixel's value being the number of its segment, from 1; where
    masks overlap (images, rows, columns, segments), which takes as many times the memory.
    """
    places = {uid: place for place, uid in enumerate(masked_images(masks))}
    labels = np.zeros((len(places), rows, columns), np.uint16)
    for segment, mask in enumerate(masks, 1):
        for uid, box, plane in _planes(mask, rows, columns):
            view = labels[places[uid]][box]
            if view[plane].any():
                return _stacked(masks, places, labels.shape)
            view[plane] = segment
    return labels


def _stacked(masks: Sequence[Mask], places: dict[str, int], shape: tuple[int, ...]) -> Segments:
    segments = np.zeros((*shape, len(masks)), np.uint8)
    for segment, mask in enumerate(masks):
        for uid, box, plane in _planes(mask, *shape[1:]):
            segments[places[uid], ..., segment][box] |= plane
    return segments


def _planes(
    mask: Mask, rows: int, columns: int
) -> Iterator[tuple[str, tuple[slice, slice], _Plane]]:
    """Yield a mask's images, where its box lies in them, and what it covers of that box."""
    shape = (len(mask.sop_instance_uids), mask.rows, mask.columns)
    bits = np.frombuffer(base64.b64decode(mask.bits), np.uint8)
    covered = np.unpackbits(bits, count=shape[0] * shape[1] * shape[2]).reshape(shape) != 0
    covered = covered[:, : max(rows - mask.row, 0), : max(columns - mask.column, 0)]
    box = (
        slice(mask.row, mask.row + covered.shape[1]),
        slice(mask.column, mask.column + covered.shape[2]),
    )
    for uid, plane in zip(mask.sop_instance_uids, covered, strict=True):
        yield uid, box, plane
