"""Detectors that a test can reckon with: whatever is bright is found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BRIGHT_HU = 500
BRIGHT = 0.9
IDENTITY_ONNX = (
    "CAgSADo5ChAKAXgSAXkiCElkZW50aXR5EgFnWhAKAXgSCwoJCAESBQoDEgFuYhAKAXkSCwoJCAESBQoDEgFuQgQKABAN"
)
"""A model of one Identity node, as base64."""


@dataclass(frozen=True)
class Spot:
    code: str
    score: float
    centre_voxel: tuple[float, ...]
    diameter_mm: float
    mask: np.ndarray
    origin: tuple[int, ...]


@dataclass(frozen=True)
class Area:
    code: str
    score: float
    box: tuple[float, float, float, float]


class BrightSpot:
    """Finds the one box of bone in a volume."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def detect(self, hounsfield: np.ndarray, spacing_mm: tuple[float, ...]) -> list[Spot]:
        assert hounsfield.dtype == np.float32
        bright = hounsfield > BRIGHT_HU
        if not bright.any():
            return []
        where = np.argwhere(bright)
        low, high = where.min(axis=0), where.max(axis=0) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        centre = tuple(float(number) for number in where.mean(axis=0))
        extent = float((high - low)[0] * spacing_mm[0])
        return [Spot("bright", 0.75, centre, extent, bright[box], tuple(low))]


class BrightArea:
    """Finds the bright pixels of an image."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def detect(
        self, brightness: np.ndarray, spacing_mm: tuple[float, float] | None
    ) -> Iterator[Area]:
        assert brightness.dtype == np.float32
        where = np.argwhere(brightness > BRIGHT)
        if where.size:
            (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0) + 1
            rows, columns = brightness.shape
            box = (
                left / columns,
                top / rows,
                (right - left) / columns,
                (bottom - top) / rows,
            )
            yield Area("bright", float(brightness.max()), box)


class NotANumber(BrightArea):
    def detect(self, brightness: np.ndarray, spacing_mm: Any) -> Iterator[Area]:
        yield Area("bright", float("nan"), (0, 0, 1, 1))


class Picky(BrightArea):
    def detect(self, brightness: np.ndarray, spacing_mm: Any) -> Iterator[Area]:
        if brightness.shape[0] == 7:
            raise KeyError("DOE^JANE")
        raise ValueError("UNSUPPORTED_IMAGE: nothing pleases this model.")


class Gated(BrightArea):
    """Waits until the file ``gate`` of its folder exists; a test looks at what waits meanwhile."""

    folder = Path.cwd()

    def detect(self, brightness: np.ndarray, spacing_mm: Any) -> Iterator[Area]:
        (self.folder / "begun").touch()
        pause = threading.Event()
        while not (self.folder / "gate").exists():
            pause.wait(0.01)
        return super().detect(brightness, spacing_mm)


class Slow(BrightArea):
    """Takes its time to load."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        while not (Path.cwd() / "gate").exists():
            threading.Event().wait(0.01)
