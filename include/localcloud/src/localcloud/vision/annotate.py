"""One image's annotations in the shape of ``AnnotateImageResponse``.

As in proto3 JSON, what is empty or zero is absent: nothing found is ``{}``, and a corner at the
edge of the image lacks that coordinate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.errors import GoogleError
from localcloud.vision.colours import dominant_colours
from localcloud.vision.crops import crops
from localcloud.vision.features import Feature
from localcloud.vision.geometry import box, polygon, vertices
from localcloud.vision.images import INVALID_ARGUMENT, Pixels
from localcloud.vision.labels import labels
from localcloud.vision.layout import text_response
from localcloud.vision.salience import salient_regions
from localcloud.vision.text import read_lines

Json = dict[str, Any]

UNIMPLEMENTED = 12
OBJECT_NAME = "Salient region"
_LIKELIHOODS = ("adult", "spoof", "medical", "violence", "racy")


def annotate(pixels: Pixels, features: Sequence[Feature], context: Mapping[str, Any]) -> Json:
    """Return the annotations; a feature not computed here leaves an error beside the others."""
    response: Json = {}
    errors: dict[str, int] = {}
    refused = sorted({f.name for f in features if f.name not in _ANNOTATORS})
    if refused:
        unspecified = "TYPE_UNSPECIFIED" in refused
        message = f"{', '.join(refused)}: the local Vision computes {', '.join(_ANNOTATORS)} only."
        errors[message] = INVALID_ARGUMENT if unspecified else UNIMPLEMENTED
    for feature in features:
        if feature.name in _ANNOTATORS:
            try:
                response |= _ANNOTATORS[feature.name](pixels, feature.maximum_results, context)
            except GoogleError as error:
                errors[error.message] = UNIMPLEMENTED
    if errors:
        response["error"] = {"code": min(errors.values()), "message": " ".join(errors)}
    return {key: value for key, value in response.items() if value}


def _objects(pixels: Pixels, maximum: int, _: Mapping[str, Any]) -> Json:
    found = [
        {
            "name": OBJECT_NAME,
            "score": region.score,
            "boundingPoly": {
                "normalizedVertices": vertices(box(region.x0, region.y0, region.x1, region.y1))
            },
        }
        for region in salient_regions(pixels.gray)[:maximum]
    ]
    return {"localizedObjectAnnotations": found}


def _labels(pixels: Pixels, maximum: int, _: Mapping[str, Any]) -> Json:
    found = [
        {"description": name, "score": score, "topicality": score}
        for name, score in labels(pixels)[:maximum]
    ]
    return {"labelAnnotations": found}


def _text(pixels: Pixels, _: int, __: Mapping[str, Any]) -> Json:
    height, width = pixels.gray.shape
    return text_response(read_lines(pixels), width, height)


def _properties(pixels: Pixels, maximum: int, _: Mapping[str, Any]) -> Json:
    colours = dominant_colours(pixels, maximum)
    return {"imagePropertiesAnnotation": {"dominantColors": {"colors": colours}}}


def _crop_hints(pixels: Pixels, _: int, context: Mapping[str, Any]) -> Json:
    given = context.get("cropHintsParams", {}).get("aspectRatios") or []
    ratios = [float(ratio) for ratio in given if 0 < float(ratio) < float("inf")]
    hints = [
        {
            "boundingPoly": polygon(box(crop.left, crop.top, crop.right, crop.bottom)),
            "confidence": crop.importance,
            "importanceFraction": crop.importance,
        }
        for crop in crops(pixels, ratios)
    ]
    return {"cropHintsAnnotation": {"cropHints": hints}}


def _safe_search(_: Pixels, __: int, ___: Mapping[str, Any]) -> Json:
    # Any likelihood would be a statement about what the image shows; nothing here can make one.
    return {"safeSearchAnnotation": dict.fromkeys(_LIKELIHOODS, "UNKNOWN")}


_ANNOTATORS: Mapping[str, Callable[[Pixels, int, Mapping[str, Any]], Json]] = {
    "OBJECT_LOCALIZATION": _objects,
    "LABEL_DETECTION": _labels,
    "TEXT_DETECTION": _text,
    "DOCUMENT_TEXT_DETECTION": _text,
    "IMAGE_PROPERTIES": _properties,
    "CROP_HINTS": _crop_hints,
    "SAFE_SEARCH_DETECTION": _safe_search,
}
