"""US: what lies outside the scanned regions is the machine's screen, often with the patient's name.

Source: PS3.3 C.8.5.5, US Region Calibration Module
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from pydicom import Dataset

from wetread.core.pixels.modalities.contract import Options
from wetread.core.pixels.rendering import RenderedFrame, render_frame

_CORNERS = (
    "RegionLocationMinX0",
    "RegionLocationMinY0",
    "RegionLocationMaxX1",
    "RegionLocationMaxY1",
)


def prepare(dataset: Dataset, frame_number: int, options: Options) -> RenderedFrame:
    """Render, and paint black what no Ultrasound Region (0018,6011) holds.

    An image that declares no region with an area stays whole: nobody knows what is image in it.
    """
    frame = render_frame(dataset, frame_number, limit_bytes=options.limit_bytes)
    outside = np.ones(frame.pixels.shape[:2], np.bool_)
    for rows, columns in _regions(dataset):
        outside[rows, columns] = False
    if outside.all() or not outside.any():
        return frame
    pixels = frame.pixels.copy()
    pixels[outside] = 0
    return replace(frame, pixels=pixels, remarks=(*frame.remarks, "regions-masked"))


def _regions(dataset: Dataset) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of each region; the last of both belong to it."""
    for item in dataset.get("SequenceOfUltrasoundRegions") or ():
        corners = [item.get(name) for name in _CORNERS]
        if any(corner is None for corner in corners):
            continue
        left, top, right, bottom = (max(int(corner), 0) for corner in corners)
        if right > left and bottom > top:
            yield slice(top, bottom + 1), slice(left, right + 1)
