"""A DICOM object's header, and its frames as arrays, whatever their compression."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.pixels import iter_pixels

from modelserver.errors import InstanceError

_UNREADABLE = "an object of the reference is no readable DICOM file."


def read_header(blob: bytes) -> Dataset:
    """Return a Part 10 file's attributes before its pixels.

    Raises
    ------
    InstanceError
        ``IMAGE_INVALID``.
    """
    try:
        header: Dataset = dcmread(io.BytesIO(blob), stop_before_pixels=True)
        return header
    except Exception:  # a parser meets hostile bytes: whatever it raises, the object is unreadable
        raise InstanceError("IMAGE_INVALID", _UNREADABLE) from None


def read_frames(blob: bytes, indices: list[int] | None = None) -> Iterator[np.ndarray]:
    """Yield frames as stored, decoded one at a time; colour is converted to RGB.

    Parameters
    ----------
    indices
        Counted from 0; all frames when left out.

    Raises
    ------
    InstanceError
        ``IMAGE_INVALID``: also for a codec that nobody here can decode.
    """
    try:
        yield from iter_pixels(io.BytesIO(blob), indices=indices)
    except Exception as error:
        raise InstanceError(
            "IMAGE_INVALID", f"pixels cannot be decoded ({type(error).__name__})."
        ) from None


def functional_group(header: Dataset, frame_index: int, keyword: str) -> Dataset:
    """Return where an attribute group of a frame stands: per frame, shared, or at the top.

    Source: DICOM PS3.3 C.7.6.16 (multi-frame functional groups)
    """
    per_frame: Any = header.get("PerFrameFunctionalGroupsSequence") or []
    shared: Any = header.get("SharedFunctionalGroupsSequence") or []
    own = per_frame[frame_index : frame_index + 1]
    for group in (*own, *shared[:1]):
        if group.get(keyword):
            return group[keyword].value[0]
    return header


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return an attribute's finite numbers, or None when there are not exactly ``count``."""
    value: Any = dataset.get(keyword)
    try:
        values = np.atleast_1d(np.asarray(value, dtype=float)) if value is not None else None
    except (TypeError, ValueError):
        return None
    if values is None or values.shape != (count,) or not np.isfinite(values).all():
        return None
    return tuple(float(number) for number in values)
