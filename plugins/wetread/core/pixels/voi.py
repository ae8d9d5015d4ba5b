"""Which part of the values is worth seeing (PS3.3 C.11.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.multival import MultiValue

from wetread.core.pixels.attributes import declared
from wetread.core.pixels.lookup import LookupTable, lookup_table

Floats = npt.NDArray[np.float64]
Source = Literal["header", "lut", "preset", "derived"]
VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True)
class WindowUsed:
    """The window that made a picture, in units of the modality values.

    ``source`` is ``header`` (the image's first window), ``lut`` (its VOI LUT; the range of inputs
    that the table covers), ``preset`` (that of a body part, by its ``name``) or ``derived`` (from
    percentiles of the frame).
    """

    center: float
    width: float
    source: Source
    name: str = ""

    @property
    def remark(self) -> str:
        """The key of ``policy.toml`` that says where the window is from."""
        return f"window-{self.name or self.source}"


class Voi(Protocol):
    """A hashable rule that takes modality values to 0 (darkest) .. 1 (brightest)."""

    @property
    def window(self) -> WindowUsed: ...

    def apply(self, values: Floats) -> Floats: ...


@dataclass(frozen=True)
class Window:
    """A centre and a width, and the curve between them."""

    window: WindowUsed
    function: VoiFunction

    def __post_init__(self) -> None:
        if self.function != "LINEAR" and not self.window.width > 0:
            raise ValueError("the window has no width")

    def apply(self, values: Floats) -> Floats:
        center, width = self.window.center, self.window.width
        if self.function == "SIGMOID":  # PS3.3 C.11.2.1.3.1
            # Beyond +-700 the exponential leaves the range of a float, and the result is 0 or 1.
            return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
        if self.function == "LINEAR":  # PS3.3 C.11.2.1.2.1
            if width <= 1:  # a threshold, and less than that is read as one
                return (values > center - 0.5).astype(np.float64)
            center, width = center - 0.5, width - 1
        return np.clip((values - center) / width + 0.5, 0, 1)  # PS3.3 C.11.2.1.3.2


@dataclass(frozen=True)
class VoiTable:
    """The first VOI LUT of an image."""

    table: LookupTable

    @property
    def window(self) -> WindowUsed:
        width = len(self.table.values)
        return WindowUsed(self.table.first + (width - 1) / 2, width, "lut")

    def apply(self, values: Floats) -> Floats:
        return self.table.apply(values) / self.table.maximum


def declared_voi(header: Dataset) -> Voi | None:
    """Return the VOI LUT, else the first window, that the image declares; None without either.

    Raises
    ------
    ValueError
        What the image declares is not usable.
    """
    for item in (header.get("VOILUTSequence") or [])[:1]:
        is_little_endian = bool(header.original_encoding[1])
        is_signed = _reaches_below_zero(header)
        return VoiTable(lookup_table(item, is_little_endian=is_little_endian, is_signed=is_signed))
    center, width = declared(header, "WindowCenter"), declared(header, "WindowWidth")
    if center is None or width is None:
        return None
    function = str(declared(header, "VOILUTFunction", "LINEAR")).upper()
    return Window(WindowUsed(_first(center), _first(width), "header"), _known(function))


def derived_voi(low: float, high: float) -> Voi:
    """Return a window that shows the values from ``low`` to ``high``."""
    center, width = (low + high) / 2, (high - low) or 1.0
    return Window(WindowUsed(center, width, "derived"), "LINEAR_EXACT")


def _reaches_below_zero(header: Dataset) -> bool:
    """Whether the inputs of a VOI LUT may be negative (PS3.3 C.11.2.1.1)."""
    if header.get("ModalityLUTSequence"):
        return False
    bits = int(header.BitsStored)
    low = -(2 ** (bits - 1)) if header.get("PixelRepresentation") == 1 else 0
    slope = float(declared(header, "RescaleSlope", 1))
    intercept = float(declared(header, "RescaleIntercept", 0))
    return min(end * slope + intercept for end in (low, low + 2**bits - 1)) < 0


def _first(value: float | MultiValue[float]) -> float:
    return float(value[0] if isinstance(value, MultiValue) else value)


def _known(function: str) -> VoiFunction:
    if function == "LINEAR":
        return "LINEAR"
    if function == "LINEAR_EXACT":
        return "LINEAR_EXACT"
    if function == "SIGMOID":
        return "SIGMOID"
    raise ValueError("the window has no known function")
