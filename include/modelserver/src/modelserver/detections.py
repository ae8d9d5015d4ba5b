"""What a detector found, in the words of the detection contract (README.md)."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from modelserver.imaging.picture import Picture
from modelserver.imaging.volume import Volume

Json = dict[str, Any]

_SCORE_DECIMALS = 4
_MM_DECIMALS = 2
_FRACTION_DECIMALS = 5


class VolumeDetection(Protocol):
    """What a detector of volumes finds."""

    code: str
    score: float
    centre_voxel: tuple[float, float, float]
    """Slice, row, column."""
    diameter_mm: float
    mask: np.ndarray
    """bool (slices, rows, columns)."""
    origin: tuple[int, int, int]
    """The mask's first voxel in the volume."""


class ImageDetection(Protocol):
    """What a detector of images finds."""

    code: str
    score: float
    box: tuple[float, float, float, float]
    """Left, top, width and height in fractions of the image."""


def volume_prediction(
    volume: Volume, codes: Sequence[str], found: Iterable[VolumeDetection]
) -> Json:
    """Describe the detections in a volume in patient and in image coordinates."""
    rows = [_in_volume(volume, detection) for detection in found]
    return _prediction(len(volume.names), codes, rows)


def image_prediction(
    picture: Picture, codes: Sequence[str], found: Iterable[ImageDetection]
) -> Json:
    """Describe the detections in an image as boxes."""
    rows = [_in_image(picture, detection) for detection in found]
    return _prediction(1, codes, rows)


def _prediction(images: int, codes: Sequence[str], rows: list[Json]) -> Json:
    rows.sort(key=lambda row: -row["score"])
    scores = {
        code: max((row["score"] for row in rows if row["code"] == code), default=0.0)
        for code in codes
    }
    return {"scores": scores, "images": images, "detections": rows}


def _in_volume(volume: Volume, detection: VolumeDetection) -> Json:
    centre = detection.centre_voxel
    name = volume.names[min(max(round(centre[0]), 0), len(volume.names) - 1)]
    z, y, x = (int(number) for number in detection.origin)
    depth, height, width = detection.mask.shape
    rows, columns = volume.hounsfield.shape[1:]
    return {
        "code": detection.code,
        "score": _rounded(detection.score, _SCORE_DECIMALS),
        "image": {"sop_instance_uid": name.sop_instance_uid, "frame_number": name.frame_number},
        "box": _box(x / columns, y / rows, width / columns, height / rows),
        "point_mm": [_rounded(number, _MM_DECIMALS) for number in volume.patient_point_mm(centre)],
        "measurements": [
            {
                "code": "diameter",
                "value": _rounded(detection.diameter_mm, _MM_DECIMALS),
                "unit": "mm",
            }
        ],
        "mask": {
            "sop_instance_uids": [item.sop_instance_uid for item in volume.names[z : z + depth]],
            "frame_numbers": [item.frame_number for item in volume.names[z : z + depth]],
            "row": y,
            "column": x,
            "rows": height,
            "columns": width,
            "bits": base64.b64encode(np.packbits(detection.mask.astype(bool)).tobytes()).decode(),
        },
    }


def _in_image(picture: Picture, detection: ImageDetection) -> Json:
    row: Json = {"code": detection.code, "score": _rounded(detection.score, _SCORE_DECIMALS)}
    if picture.sop_instance_uid is not None:
        row["image"] = {
            "sop_instance_uid": picture.sop_instance_uid,
            "frame_number": picture.frame_number,
        }
    row["box"] = _box(*detection.box)
    return row


def _box(x: float, y: float, width: float, height: float) -> Json:
    box = {"x": x, "y": y, "width": width, "height": height}
    return {name: _rounded(number, _FRACTION_DECIMALS) for name, number in box.items()}


def _rounded(number: float, decimals: int) -> float:
    """JSON has no NaN, and a score that is none must not become one."""
    if not math.isfinite(number):
        raise ValueError("a detector returned a number that is not finite")
    return round(float(number), decimals)
