"""What Vision AI said about an image, and what Wetread makes of it.

Vision AI knows photographs, not disease: its objects are candidates that a radiologist may look at,
its labels describe the picture. Neither is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from wetread.core.findings import (
    SCORE_DECIMALS,
    Candidate,
    CandidateKind,
    ImageLabel,
    ImageReference,
    Region,
)

_Image = TypeVar("_Image")

IMAGES_PER_REQUEST = 16
"""Vision AI's limit for ``images:annotate`` (Cloud Vision, "Quotas and limits")."""

REQUEST_BYTES = 10_000_000
"""Vision AI's limit for the JSON body of one request."""

_BYTES_PER_IMAGE_ENTRY = 512
"""Room for the features and the punctuation around an image in the request body."""


@dataclass(frozen=True)
class AnnotatedObject:
    """An object that Vision AI localised; the region is in fractions of the image."""

    name: str
    score: float
    region: Region


@dataclass(frozen=True)
class ImageAnnotation:
    """Vision AI's answer for one image; ``error`` is its message when it refused the image."""

    objects: tuple[AnnotatedObject, ...] = ()
    labels: tuple[ImageLabel, ...] = ()
    has_text: bool = False
    error: str | None = None


def fill_requests(
    images: Iterable[_Image], size_bytes: Callable[[_Image], int]
) -> Iterator[list[_Image]]:
    """Fill requests with images in their order, by bytes first and count second.

    An image's share of the body is its base64 form, 4/3 of its size.
    """
    request: list[_Image] = []
    filled = 0
    for image in images:
        share = (size_bytes(image) + 2) // 3 * 4 + _BYTES_PER_IMAGE_ENTRY
        if request and (filled + share > REQUEST_BYTES or len(request) == IMAGES_PER_REQUEST):
            yield request
            request, filled = [], 0
        request.append(image)
        filled += share
    if request:
        yield request


def candidates(
    annotation: ImageAnnotation, image: ImageReference, anomaly_threshold: float
) -> tuple[Candidate, ...]:
    """Return the objects of one image as candidates, anomalies at or above the threshold."""
    found = []
    for item in annotation.objects:
        score = round(item.score, SCORE_DECIMALS)
        kind = CandidateKind.ANOMALY if score >= anomaly_threshold else CandidateKind.OBJECT
        found.append(Candidate(kind, item.name, score, image, item.region))
    return tuple(found)


def best_labels(annotations: Sequence[ImageAnnotation]) -> tuple[ImageLabel, ...]:
    """Return each label of a series once, with its best score, the best first."""
    best: dict[str, float] = {}
    for annotation in annotations:
        for label in annotation.labels:
            score = round(label.score, SCORE_DECIMALS)
            best[label.label] = max(score, best.get(label.label, 0.0))
    ordered = sorted(best.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ImageLabel(label, score) for label, score in ordered)
