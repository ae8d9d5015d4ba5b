"""Vision AI: batches of images in, plain annotations out."""

from __future__ import annotations

from collections.abc import Sequence

from google.cloud import vision

from wetread.core.annotations import AnnotatedObject, ImageAnnotation
from wetread.core.errors import RETRIABLE_HTTP_STATUS, problem
from wetread.core.findings import SCORE_DECIMALS, ImageLabel, Region
from wetread.gcp.retries import RETRY, TIMEOUT_SECONDS, translated

CALL = "vision.images.annotate"

_RETRIABLE_RPC_CODES = frozenset({4, 8, 13, 14})
"""DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE (google.rpc.Code)."""


class VisionClient:
    """Annotates images that carry nothing but pixels."""

    def __init__(self, client: vision.ImageAnnotatorClient, *, max_results: int) -> None:
        self._client = client
        self._max_results = max_results

    def annotate(
        self, images: Sequence[bytes], subject: str, *, detect_text: bool = False
    ) -> list[ImageAnnotation]:
        """Annotate one request's worth of PNG images; one annotation per image, in order.

        An image that Vision AI refuses is an annotation with an ``error``.

        Raises
        ------
        RetriableError
            ``service-unavailable``, also when the service failed on a single image;
            ``answer-malformed`` when the answers do not match the images.
        """
        kinds = [vision.Feature.Type.OBJECT_LOCALIZATION, vision.Feature.Type.LABEL_DETECTION]
        if detect_text:
            kinds.append(vision.Feature.Type.TEXT_DETECTION)
        features = [vision.Feature(type_=kind, max_results=self._max_results) for kind in kinds]
        requests = [
            vision.AnnotateImageRequest(image=vision.Image(content=image), features=features)
            for image in images
        ]
        with translated(CALL, subject):
            answer = self._client.batch_annotate_images(
                requests=requests, retry=RETRY, timeout=TIMEOUT_SECONDS
            )
        if len(answer.responses) != len(images):
            raise problem("answer-malformed", f"{CALL} answered for fewer images of {subject}.")
        return [_annotation(response, subject) for response in answer.responses]


def _annotation(response: vision.AnnotateImageResponse, subject: str) -> ImageAnnotation:
    code = response.error.code
    if code in _RETRIABLE_RPC_CODES or code in RETRIABLE_HTTP_STATUS:
        raise problem("service-unavailable", f"{CALL} failed on an image of {subject}.")
    if code:
        return ImageAnnotation(error=f"code {code}")
    return ImageAnnotation(
        objects=tuple(
            AnnotatedObject(item.name, item.score, _region(item.bounding_poly.normalized_vertices))
            for item in response.localized_object_annotations
        ),
        labels=tuple(
            ImageLabel(item.description, item.score) for item in response.label_annotations
        ),
        has_text=bool(response.text_annotations),
    )


def _region(vertices: Sequence[vision.NormalizedVertex]) -> Region:
    """Return the box around the vertices; a coordinate of zero is absent in the answer."""
    xs = [vertex.x for vertex in vertices] or [0.0]
    ys = [vertex.y for vertex in vertices] or [0.0]
    return Region(
        x=round(min(xs), SCORE_DECIMALS),
        y=round(min(ys), SCORE_DECIMALS),
        width=round(max(xs) - min(xs), SCORE_DECIMALS),
        height=round(max(ys) - min(ys), SCORE_DECIMALS),
    )
