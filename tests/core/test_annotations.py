"""Requests fit Vision AI's limits, measured on the body that the official client sends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from google.cloud import vision
from google.protobuf.json_format import MessageToJson
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.core.cases import STUDY

from wetread.core.annotations import (
    AnnotatedObject,
    ImageAnnotation,
    best_labels,
    candidates,
    fill_requests,
)
from wetread.core.findings import CandidateKind, ImageLabel, ImageReference, Region

DOCUMENTED_IMAGES = 16
DOCUMENTED_BYTES = 10_000_000
"""Cloud Vision, "Quotas and limits": images per request and size of its JSON."""

FEATURES = [
    vision.Feature(type_=kind, max_results=2**31 - 1)
    for kind in (
        vision.Feature.Type.OBJECT_LOCALIZATION,
        vision.Feature.Type.LABEL_DETECTION,
        vision.Feature.Type.TEXT_DETECTION,
    )
]
IMAGE = ImageReference(f"{STUDY}.1", f"{STUDY}.1.1", "1.2.840.10008.5.1.4.1.1.2")
WHOLE = Region(0, 0, 1, 1)


def body_bytes(sizes_bytes: list[int]) -> int:
    """Return the size of the JSON that the client's REST transport sends for such images."""
    requests = [
        vision.AnnotateImageRequest(image=vision.Image(content=bytes(size)), features=FEATURES)
        for size in sizes_bytes
    ]
    message = vision.BatchAnnotateImagesRequest(requests=requests)
    return len(MessageToJson(message._pb, use_integers_for_enums=True).encode())


SIZES = st.lists(
    st.one_of(
        st.integers(0, 1000),
        st.integers(400_000, 700_000),
        st.integers(2_000_000, 7_600_000),
    ),
    max_size=40,
)


def filled(sizes_bytes: list[int]) -> list[list[int]]:
    """Return the indices of the images that each request holds."""
    requests = fill_requests(enumerate(sizes_bytes), lambda image: image[1])
    return [[index for index, _ in request] for request in requests]


@given(SIZES)
@example([468_000] * 40)
@example([7_499_000, 0, 7_499_616, 0])
@example([0] * 33)
@settings(max_examples=25)
def test_a_request_never_exceeds_a_limit_of_the_service(sizes_bytes: list[int]) -> None:
    for request in filled(sizes_bytes):
        assert 1 <= len(request) <= DOCUMENTED_IMAGES
        assert len(request) == 1 or (
            body_bytes([sizes_bytes[index] for index in request]) <= DOCUMENTED_BYTES
        )


@given(SIZES)
def test_every_image_is_sent_once_and_in_order(sizes_bytes: list[int]) -> None:
    sent = [index for request in filled(sizes_bytes) for index in request]
    assert sent == list(range(len(sizes_bytes)))


@given(SIZES)
def test_a_request_is_not_closed_while_there_is_room(sizes_bytes: list[int]) -> None:
    requests = filled(sizes_bytes)
    for request, following in pairwise(requests):
        with_next = [sizes_bytes[index] for index in (*request, following[0])]
        entries_bytes = sum(size * 4 / 3 + 600 for size in with_next)
        assert len(request) == DOCUMENTED_IMAGES or entries_bytes > DOCUMENTED_BYTES


@pytest.mark.parametrize("before", [[], [100], [100] * 16])
def test_a_huge_image_still_goes_and_alone(before: list[int]) -> None:
    requests = filled([*before, 20_000_000, 100])
    assert [len(before)] in requests
    assert requests[-1] == [len(before) + 1]


def test_nothing_to_send_is_no_request() -> None:
    assert filled([]) == []


@pytest.mark.parametrize(
    ("score", "kind"),
    [
        (0.8, CandidateKind.ANOMALY),
        (0.79996, CandidateKind.ANOMALY),
        (0.79994, CandidateKind.OBJECT),
        (1.0, CandidateKind.ANOMALY),
        (0.0, CandidateKind.OBJECT),
    ],
)
def test_the_threshold_judges_the_score_that_is_written(score: float, kind: CandidateKind) -> None:
    annotation = ImageAnnotation(objects=(AnnotatedObject("Thing", score, WHOLE),))
    (candidate,) = candidates(annotation, IMAGE, 0.8)
    assert candidate.kind is kind
    assert (candidate.kind is CandidateKind.ANOMALY) == (candidate.score >= 0.8)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_candidates_keep_their_order_image_and_region(scores: list[float]) -> None:
    regions = [Region(n / 10, 0, 0.1, 0.1) for n in range(len(scores))]
    objects = [AnnotatedObject(f"o{n}", s, regions[n]) for n, s in enumerate(scores)]
    found = candidates(ImageAnnotation(objects=tuple(objects)), IMAGE, 0.5)
    assert [c.label for c in found] == [item.name for item in objects]
    assert [c.region for c in found] == regions
    assert {c.image for c in found} <= {IMAGE}
    assert all(c.score == round(c.score, 4) for c in found)


LABELS = st.lists(
    st.builds(ImageLabel, st.sampled_from(["Anatomy", "Monochrome", "Scan"]), st.floats(0, 1)),
    max_size=6,
)


@given(st.lists(LABELS, max_size=5))
def test_each_label_stands_once_with_its_best_score(images: list[list[ImageLabel]]) -> None:
    annotations = [ImageAnnotation(labels=tuple(labels)) for labels in images]
    best = best_labels(annotations)
    everything = [label for labels in images for label in labels]
    assert {label.label for label in best} == {label.label for label in everything}
    for label in best:
        scores = [item.score for item in everything if item.label == label.label]
        assert label.score == round(max(scores), 4)
    assert list(best) == sorted(best, key=lambda label: (-label.score, label.label))
    assert best_labels(annotations[::-1]) == best
