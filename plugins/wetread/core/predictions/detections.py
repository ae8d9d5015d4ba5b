"""Wetread's own contract of a model that finds things in images: ``detections``.

Request instance, one of::

    {"input_bytes": "<base64 PNG>"}
    {"dicomweb_uri": "https://.../studies/.../series/...", "bearer_token": "..."}
    {"gcs_uri": "gs://bucket/object", "bearer_token": "..."}

A series' address is joined by ``instance_uids`` where not all of its instances count. The token is
left out where none is needed. Answer: ``model``, ``scores``, ``images`` and ``detections``, or
``error``; what each must hold is what this module checks. A code that nobody asked for, a code that
nobody answered and a place outside the image are errors: a finding that is dropped in silence reads
like a healthy patient.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from wetread.core.findings import SCORE_DECIMALS, Region
from wetread.core.predictions.contract import (
    Detection,
    ImageExtent,
    Mask,
    Measurement,
    ModelVersion,
    Prediction,
    PredictionError,
    Question,
)
from wetread.core.predictions.fields import (
    Malformed,
    array,
    as_value,
    integer,
    number,
    record,
    refusal,
    text,
    uid,
)
from wetread.core.predictions.payload import Form, Payload

FORMS = (Form.BYTES, Form.DICOMWEB, Form.GCS)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_CODE = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)
_UNIT = re.compile(r"[!-~]{1,32}", re.ASCII)

_TOLERANCE = 10.0**-SCORE_DECIMALS
"""How far rounding may put a box over the edge, or a detection over the best score of its code."""

_MAX_FRAMES = 2**31 - 1
_MAX_SIDE = 2**16 - 1
"""Rows (0028,0010) and Columns (0028,0011) are 16-bit numbers."""

_MAX_DISTANCE_MM = 1e5
_MAX_MEASURE = 1e12


def instance(payload: Payload, question: Question) -> dict[str, Any]:
    """Return what is sent for one picture or series; the model knows itself what it looks for."""
    if payload.form is Form.BYTES:
        return {"input_bytes": payload.base64}
    field = "gcs_uri" if payload.form is Form.GCS else "dicomweb_uri"
    named = {"instance_uids": sorted(question.images)} if question.is_partial else {}
    return {field: payload.uri, **payload.credential("bearer_token"), **named}


@as_value
def read(prediction: object, question: Question) -> Prediction | PredictionError:
    """Read what the model found; see the head of this module."""
    answer = record(prediction, "the answer", optional=None)
    if (error := refusal(answer)) is not None:
        return error
    record(answer, "the answer", required=("model", "scores", "images", "detections"))
    scores = _scores(answer["scores"], question)
    sent = sum(extent.frames for extent in question.images.values()) or 1
    return Prediction(
        model=_model(answer["model"]),
        scores={code: round(score, SCORE_DECIMALS) for code, score in scores.items()},
        detections=tuple(
            _detection(item, f"detections[{index}]", scores, question)
            for index, item in enumerate(array(answer["detections"], "detections"))
        ),
        images=integer(answer["images"], "images", 0, sent),
    )


def _model(value: object) -> ModelVersion:
    fields = record(value, "model", required=("name", "version", "weights_digest"))
    return ModelVersion(
        name=text(fields["name"], "model.name", _NAME),
        version=text(fields["version"], "model.version", _NAME),
        weights_digest=text(fields["weights_digest"], "model.weights_digest", _DIGEST),
    )


def _scores(value: object, question: Question) -> dict[str, float]:
    fields = record(value, "scores", optional=None)
    if fields.keys() != question.codes:
        raise Malformed("scores must have the analysis' finding codes, each and no other")
    return {code: number(fields[code], f"scores.{code}", 0, 1) for code in sorted(fields)}


def _detection(
    value: object, where: str, scores: Mapping[str, float], question: Question
) -> Detection:
    fields = record(
        value,
        where,
        required=("code", "score"),
        optional=("image", "box", "point_mm", "measurements", "mask"),
    )
    code = text(fields["code"], f"{where}.code")
    if code not in scores:
        raise Malformed(f"{where}.code is none of the analysis' finding codes")
    score = number(fields["score"], f"{where}.score", 0, 1)
    if score > scores[code] + _TOLERANCE:
        raise Malformed(f"{where}.score is over the best score of its code")
    image_uid, frame_number = _image(fields, where, question)
    return Detection(
        code=code,
        score=round(score, SCORE_DECIMALS),
        image_uid=image_uid,
        frame_number=frame_number,
        region=_region(fields["box"], f"{where}.box") if "box" in fields else None,
        point_mm=_point(fields["point_mm"], f"{where}.point_mm") if "point_mm" in fields else None,
        measurements=tuple(
            _measurement(item, f"{where}.measurements[{index}]")
            for index, item in enumerate(
                array(fields.get("measurements", []), f"{where}.measurements")
            )
        ),
        mask=_mask(fields["mask"], f"{where}.mask", question) if "mask" in fields else None,
    )


def _image(fields: Mapping[str, Any], where: str, question: Question) -> tuple[str | None, int]:
    if "image" not in fields:
        if len(question.images) > 1:
            raise Malformed(f"{where} must name its image, since several were sent")
        return None, 1
    where = f"{where}.image"
    image = record(fields["image"], where, required=("sop_instance_uid",), optional=_FRAME)
    found = uid(image["sop_instance_uid"], f"{where}.sop_instance_uid")
    frames = _extent(found, where, question).frames
    return found, integer(image.get("frame_number", 1), f"{where}.frame_number", 1, frames)


_FRAME = ("frame_number",)


def _extent(image_uid: str, where: str, question: Question) -> ImageExtent:
    """Return how large an image is that was sent by its UID."""
    if image_uid not in question.images:
        raise Malformed(f"{where} names an image that was not sent")
    return question.images[image_uid]


def _region(value: object, where: str) -> Region:
    fields = record(value, where, required=("x", "y", "width", "height"))
    left = number(fields["x"], f"{where}.x", 0, 1)
    top = number(fields["y"], f"{where}.y", 0, 1)
    right = left + number(fields["width"], f"{where}.width", 0, 1)
    bottom = top + number(fields["height"], f"{where}.height", 0, 1)
    if max(right, bottom) > 1 + _TOLERANCE or right <= left or bottom <= top:
        raise Malformed(f"{where} must lie inside the image and not be empty")
    return Region(
        x=round(left, SCORE_DECIMALS),
        y=round(top, SCORE_DECIMALS),
        width=round(min(right, 1.0) - left, SCORE_DECIMALS),
        height=round(min(bottom, 1.0) - top, SCORE_DECIMALS),
    )


def _point(value: object, where: str) -> tuple[float, float, float]:
    axes = array(value, where)
    if len(axes) != 3:
        raise Malformed(f"{where} must have three coordinates")
    x, y, z = (
        round(number(axis, where, -_MAX_DISTANCE_MM, _MAX_DISTANCE_MM), SCORE_DECIMALS)
        for axis in axes
    )
    return x, y, z


def _measurement(value: object, where: str) -> Measurement:
    fields = record(value, where, required=("code", "value", "unit"))
    measured = number(fields["value"], f"{where}.value", -_MAX_MEASURE, _MAX_MEASURE)
    return Measurement(
        code=text(fields["code"], f"{where}.code", _CODE),
        value=round(measured, SCORE_DECIMALS),
        unit=text(fields["unit"], f"{where}.unit", _UNIT),
    )


def _mask(value: object, where: str, question: Question) -> Mask:
    fields = record(
        value,
        where,
        required=("row", "column", "rows", "columns", "bits"),
        optional=("sop_instance_uids", "frame_numbers"),
    )
    uids, frame_numbers = _slices(fields, where, question)
    mask = Mask(
        sop_instance_uids=uids,
        row=integer(fields["row"], f"{where}.row", 0, _MAX_SIDE),
        column=integer(fields["column"], f"{where}.column", 0, _MAX_SIDE),
        rows=integer(fields["rows"], f"{where}.rows", 1, _MAX_SIDE),
        columns=integer(fields["columns"], f"{where}.columns", 1, _MAX_SIDE),
        bits=_bits(fields["bits"], f"{where}.bits"),
        frame_numbers=frame_numbers,
    )
    _check_size(mask, where)
    for found in uids or question.images:
        _check_inside(mask, _extent(found, where, question), where)
    return mask


def _slices(
    fields: Mapping[str, Any], where: str, question: Question
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the image of each slice of a mask, and its frame where that is told."""
    listed = array(fields.get("sop_instance_uids", []), f"{where}.sop_instance_uids")
    uids = tuple(uid(item, f"{where}.sop_instance_uids[{i}]") for i, item in enumerate(listed))
    numbers = tuple(
        integer(item, f"{where}.frame_numbers[{i}]", 1, _MAX_FRAMES)
        for i, item in enumerate(array(fields.get("frame_numbers", []), f"{where}.frame_numbers"))
    )
    if numbers and len(numbers) != len(uids):
        raise Malformed(f"{where}.frame_numbers must be one for each image")
    slices = list(zip(uids, numbers or (1,) * len(uids), strict=True))
    if len(set(slices)) != len(slices) or (not uids and len(question.images) > 1):
        raise Malformed(f"{where} must name each image of the mask once")
    for found, frame_number in slices:
        if frame_number > _extent(found, where, question).frames:
            raise Malformed(f"{where}.frame_numbers must be frames of their images")
    return uids, numbers


def _bits(value: object, where: str) -> bytes:
    try:
        return base64.b64decode(text(value, where), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{where} must be base64") from None


def _check_size(mask: Mask, where: str) -> None:
    """Check the number of bytes, and that the last byte is filled up with zeros."""
    pixels = mask.slices * mask.rows * mask.columns
    spare_bits = -pixels % 8
    if len(mask.bits) != (pixels + spare_bits) // 8 or mask.bits[-1] & ((1 << spare_bits) - 1):
        raise Malformed(f"{where}.bits must be the packed bits of the mask's shape")
    if not any(mask.bits):
        raise Malformed(f"{where} must mark a pixel")


def _check_inside(mask: Mask, extent: ImageExtent, where: str) -> None:
    if mask.row + mask.rows > extent.rows or mask.column + mask.columns > extent.columns:
        raise Malformed(f"{where} must lie inside the image")
