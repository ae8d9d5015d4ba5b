"""One image's annotations in the shape of ``AnnotateImageResponse``.

As in proto3 JSON, what is empty or zero is absent: nothing found is ``{}``, and a corner at the
edge of the image lacks that coordinate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from localcloud.vision.features import Feature
from localcloud.vision.images import INVALID_ARGUMENT, Pixels
from localcloud.vision.labels import labels
from localcloud.vision.salience import salient_regions
from localcloud.vision.text import TextLine, read_lines

UNIMPLEMENTED = 12
OBJECT_NAME = "Salient region"


def annotate(pixels: Pixels, features: Sequence[Feature]) -> dict[str, Any]:
    """Return the annotations; a feature not computed here leaves an error beside the others."""
    response: dict[str, Any] = {}
    refused = [f.name for f in features if f.name not in _ANNOTATORS]
    for feature in features:
        if feature.name in _ANNOTATORS:
            response |= _ANNOTATORS[feature.name](pixels, feature.maximum_results)
    if refused:
        names = ", ".join(sorted(set(refused)))
        unspecified = "TYPE_UNSPECIFIED" in refused
        response["error"] = {
            "code": INVALID_ARGUMENT if unspecified else UNIMPLEMENTED,
            "message": f"{names}: the local Vision computes {', '.join(_ANNOTATORS)} only.",
        }
    return {key: value for key, value in response.items() if value}


def _objects(pixels: Pixels, maximum: int) -> dict[str, Any]:
    found = [
        {
            "name": OBJECT_NAME,
            "score": region.score,
            "boundingPoly": {
                "normalizedVertices": _vertices(
                    (
                        (region.x0, region.y0),
                        (region.x1, region.y0),
                        (region.x1, region.y1),
                        (region.x0, region.y1),
                    )
                )
            },
        }
        for region in salient_regions(pixels.gray)[:maximum]
    ]
    return {"localizedObjectAnnotations": found}


def _labels(pixels: Pixels, maximum: int) -> dict[str, Any]:
    found = [
        {"description": name, "score": score, "topicality": score}
        for name, score in labels(pixels)[:maximum]
    ]
    return {"labelAnnotations": found}


def _text(pixels: Pixels, _: int) -> dict[str, Any]:
    lines = read_lines(pixels)
    if not lines:
        return {}
    text = "\n".join(line.text for line in lines)
    corners = [corner for line in lines for corner in line.corners]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    whole = _polygon(((left, top), (right, top), (right, bottom), (left, bottom)))
    page = {
        "width": pixels.gray.shape[1],
        "height": pixels.gray.shape[0],
        "blocks": [_block(line) for line in lines],
    }
    return {
        "textAnnotations": [
            {"description": text, "boundingPoly": whole},
            *({"description": x.text, "boundingPoly": _polygon(x.corners)} for x in lines),
        ],
        "fullTextAnnotation": {"text": text, "pages": [page]},
    }


def _block(line: TextLine) -> dict[str, Any]:
    return {
        "blockType": "TEXT",
        "boundingBox": _polygon(line.corners),
        "confidence": line.score,
    }


def _polygon(corners: Iterable[tuple[int, int]]) -> dict[str, Any]:
    return {"vertices": _vertices(corners)}


def _vertices(corners: Iterable[tuple[float, float]]) -> list[dict[str, float]]:
    return [
        {axis: round(value, 6) for axis, value in zip("xy", corner, strict=True) if value}
        for corner in corners
    ]


_ANNOTATORS: dict[str, Callable[[Pixels, int], dict[str, Any]]] = {
    "OBJECT_LOCALIZATION": _objects,
    "LABEL_DETECTION": _labels,
    "TEXT_DETECTION": _text,
}
