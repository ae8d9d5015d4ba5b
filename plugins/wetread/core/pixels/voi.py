"""Which part of the values is worth seeing (PS3.3 C.11.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.multival import MultiValue

from wetread.core.pixels.lookup import LookupTable, lookup_table

DERIVED_PERCENTILES = (0.5, 99.5)
"""Darkest and brightest value shown when the image declares no window; leaves out the outliers."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WindowUsed:
    """The window that made a picture, in units of the modality values.

    ``source`` is ``header`` (the image's first window), ``lut`` (its VOI LUT; the range of inputs
    that the table covers) or ``derived`` (percentiles of the frame).
    """

    center: float
    width: float
    source: Literal["header", "lut", "derived"]


@dataclass(frozen=True)
class Voi:
    """``apply`` takes modality values to 0 (darkest) .. 1 (brightest)."""

    window: WindowUsed
    apply: Callable[[Floats], Floats]


def declared_voi(header: Dataset) -> Voi | None:
    """Return the VOI LUT, else the first window, that the image declares; None without either.

    Raises
    ------
    ValueError
        What the image declares is not usable.
    """
    for item in (header.get("VOILUTSequence") or [])[:1]:
        is_signed = header.get("PixelRepresentation") == 1 or "RescaleIntercept" in header
        return _from_table(
            lookup_table(
                item, is_little_endian=bool(header.original_encoding[1]), is_signed=is_signed
            )
        )
    if "WindowCenter" not in header or "WindowWidth" not in header:
        return None
    center, width = _first(header.WindowCenter), _first(header.WindowWidth)
    window = WindowUsed(center, width, "header")
    function = str(header.get("VOILUTFunction", "LINEAR")).upper()
    return Voi(window, _FUNCTIONS[function](center, width))


def derived_voi(values: Floats) -> Voi:
    """Choose a window that shows all of ``values``, which hold no padding, but the outliers."""
    low, high = (float(end) for end in np.percentile(values, DERIVED_PERCENTILES))
    center, width = (low + high) / 2, (high - low) or 1.0
    return Voi(WindowUsed(center, width, "derived"), _linear_exact(center, width))


def _first(value: float | MultiValue[float]) -> float:
    return float(value[0] if isinstance(value, MultiValue) else value)


def _from_table(table: LookupTable) -> Voi:
    width = len(table.values)
    window = WindowUsed(table.first + (width - 1) / 2, width, "lut")
    return Voi(window, lambda values: table.apply(values) / table.maximum)


def _linear(center: float, width: float) -> Callable[[Floats], Floats]:
    """PS3.3 C.11.2.1.2.1; a width of 1 is a threshold, and less than that is read as 1."""
    if width <= 1:
        return lambda values: (values > center - 0.5).astype(np.float64)
    return _linear_exact(center - 0.5, width - 1)


def _linear_exact(center: float, width: float) -> Callable[[Floats], Floats]:
    """PS3.3 C.11.2.1.3.2."""
    if not width > 0:
        raise ValueError("the window has no width")
    return lambda values: np.clip((values - center) / width + 0.5, 0, 1)


def _sigmoid(center: float, width: float) -> Callable[[Floats], Floats]:
    """PS3.3 C.11.2.1.3.1."""
    if not width > 0:
        raise ValueError("the window has no width")
    # Beyond +-700 the exponential leaves the range of a float, and the result is 0 or 1 anyway.
    return lambda values: 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))


_FUNCTIONS: dict[str, Callable[[float, float], Callable[[Floats], Floats]]] = {
    "LINEAR": _linear,
    "LINEAR_EXACT": _linear_exact,
    "SIGMOID": _sigmoid,
}
