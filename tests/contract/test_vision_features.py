"""What Vision's features answer: text down to symbols, colours, crops, likelihoods."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from google.cloud import vision
from PIL import Image, ImageDraw, ImageFont
from tests.contract.conftest import RunningCloud
from tests.contract.test_vision import (
    BLANK,
    DISC,
    LABELS,
    OBJECTS,
    TEXT,
    TYPES,
    annotate,
    client,
    needs_text,
    png,
    request,
)

DOCS = "https://cloud.google.com/vision/docs"
REFERENCE = f"{DOCS}/reference/rest/v1/AnnotateImageResponse"

__all__ = ["client"]


def written(*lines: str) -> bytes:
    """Return a picture of some lines of text, one below the other."""
    canvas = Image.new("L", (460, 20 + 90 * len(lines)), 20)
    font = ImageFont.load_default(size=40)
    for index, line in enumerate(lines):
        ImageDraw.Draw(canvas).text((20, 10 + 90 * index), line, 250, font=font)
    return png(np.asarray(canvas))


def corners(polygon: Any) -> tuple[int, int, int, int]:
    """Return a polygon's left, top, right and bottom."""
    xs, ys = [v.x for v in polygon.vertices], [v.y for v in polygon.vertices]
    return min(xs), min(ys), max(xs), max(ys)


@pytest.mark.rule("vision.text.words", f"{DOCS}/ocr")
def test_the_first_text_annotation_is_all_text_and_the_others_are_words(
    client: vision.ImageAnnotatorClient,
) -> None:
    (answer,) = annotate(client, request(written("ALPHA BRAVO", "CHARLIE 42"), TEXT))
    needs_text(answer.error.message)
    whole, *words = answer.text_annotations
    assert whole.description.split() == [word.description for word in words]
    assert {"CHARLIE", "42"} <= {word.description for word in words}
    assert "BRAVO" in whole.description
    left, top, right, bottom = corners(whole.bounding_poly)
    for word in words:
        box = corners(word.bounding_poly)
        assert left <= box[0] < box[2] <= right
        assert top <= box[1] < box[3] <= bottom


@pytest.mark.rule("vision.document-text.hierarchy", f"{DOCS}/fulltext-annotations")
def test_document_text_has_pages_blocks_paragraphs_words_and_symbols(
    client: vision.ImageAnnotatorClient,
) -> None:
    feature = vision.Feature(type_=TYPES.DOCUMENT_TEXT_DETECTION)
    (answer,) = annotate(client, request(written("ALPHA BRAVO", "CHARLIE"), feature))
    needs_text(answer.error.message)
    (page,) = answer.full_text_annotation.pages
    assert (page.width, page.height) == (460, 200)
    rebuilt = ""
    breaks = vision.TextAnnotation.DetectedBreak.BreakType
    for word in (w for b in page.blocks for p in b.paragraphs for w in p.words):
        boxes = [corners(symbol.bounding_box) for symbol in word.symbols]
        assert boxes == sorted(boxes)
        rebuilt += "".join(symbol.text for symbol in word.symbols)
        kind = word.symbols[-1].property.detected_break.type_
        rebuilt += {breaks.SPACE: " ", breaks.LINE_BREAK: "\n"}[kind]
    assert rebuilt.rstrip("\n") == answer.full_text_annotation.text
    assert len(page.blocks) == 2
    assert all(0 < block.confidence <= 1 for block in page.blocks)


@pytest.mark.rule("vision.text.max-results", REFERENCE)
def test_max_results_does_not_hold_for_text(client: vision.ImageAnnotatorClient) -> None:
    one = vision.Feature(type_=TYPES.TEXT_DETECTION, max_results=1)
    (answer,) = annotate(client, request(written("ALPHA", "BRAVO"), one))
    needs_text(answer.error.message)
    assert len(answer.text_annotations) >= 3


@pytest.mark.rule("vision.labels.no-place", REFERENCE)
def test_a_label_has_a_score_and_no_place(client: vision.ImageAnnotatorClient) -> None:
    (answer,) = annotate(client, request(DISC, LABELS))
    assert answer.label_annotations
    for label in answer.label_annotations:
        assert 0 < label.score <= 1
        assert not label.bounding_poly.vertices


@pytest.mark.rule("vision.objects.normalized-vertices", REFERENCE)
def test_an_object_is_placed_in_fractions_of_the_image(
    client: vision.ImageAnnotatorClient,
) -> None:
    (answer,) = annotate(client, request(DISC, OBJECTS))
    (found,) = answer.localized_object_annotations
    assert not found.bounding_poly.vertices
    assert len(found.bounding_poly.normalized_vertices) == 4
    assert all(0 < v.x < 1 and 0 < v.y < 1 for v in found.bounding_poly.normalized_vertices)


@pytest.mark.rule("vision.image-properties.colours", f"{DOCS}/detecting-properties")
def test_dominant_colours_come_with_their_share_of_the_image(
    client: vision.ImageAnnotatorClient,
) -> None:
    image = np.zeros((100, 100, 3))
    image[:, :70] = (200, 30, 30)
    image[:, 70:] = (10, 20, 220)
    feature = vision.Feature(type_=TYPES.IMAGE_PROPERTIES)
    (answer,) = annotate(client, request(png(image), feature))
    red, blue = answer.image_properties_annotation.dominant_colors.colors
    assert (red.color.red, red.color.green, red.color.blue) == (200, 30, 30)
    assert (red.pixel_fraction, blue.pixel_fraction) == pytest.approx((0.7, 0.3), abs=0.001)


@pytest.mark.rule("vision.crop-hints.aspect-ratios", f"{DOCS}/detecting-crop-hints")
def test_a_crop_has_the_ratio_that_was_asked_for_and_holds_the_edges(
    client: vision.ImageAnnotatorClient,
) -> None:
    image = np.zeros((300, 600))
    image[100:200, 430:530] = np.indices((100, 100)).sum(axis=0) // 10 % 2 * 255
    feature = vision.Feature(type_=TYPES.CROP_HINTS)
    context = {"crop_hints_params": {"aspect_ratios": [1.0, 4.0]}}
    asked, free = (
        vision.AnnotateImageRequest(
            image={"content": png(image)}, features=[feature], image_context=c
        )
        for c in (context, None)
    )
    with_ratios, without = annotate(client, asked, free)
    square, wide = (corners(h.bounding_poly) for h in with_ratios.crop_hints_annotation.crop_hints)
    assert square[2] - square[0] == square[3] - square[1] == 299
    assert square[0] < 430
    assert square[2] >= 529
    assert (wide[2] - wide[0], wide[3] - wide[1]) == (599, 149)
    (hint,) = without.crop_hints_annotation.crop_hints
    tight = corners(hint.bounding_poly)
    assert tight[0] == pytest.approx(430, abs=10)
    assert tight[3] == pytest.approx(200, abs=10)


@pytest.mark.rule("localcloud.vision.safe-search", "include/localcloud/docs/vision.md")
def test_safe_search_claims_nothing(client: vision.ImageAnnotatorClient) -> None:
    feature = vision.Feature(type_=TYPES.SAFE_SEARCH_DETECTION)
    (answer,) = annotate(client, request(DISC, feature))
    found = answer.safe_search_annotation
    unknown = vision.Likelihood.UNKNOWN
    assert {found.adult, found.medical, found.violence, found.racy, found.spoof} == {unknown}
    assert not answer.error.code


@pytest.mark.rule("vision.formats", f"{DOCS}/supported-files")
@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "TIFF", "ICO", "JPEG"])
def test_googles_image_formats_are_read(client: vision.ImageAnnotatorClient, kind: str) -> None:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(DISC)).resize((256, 256)).save(buffer, kind)
    (answer,) = annotate(client, request(buffer.getvalue(), OBJECTS))
    assert answer.localized_object_annotations


@pytest.mark.rule("vision.formats.animated-gif", f"{DOCS}/supported-files")
def test_of_an_animated_gif_only_the_first_frame_counts(
    client: vision.ImageAnnotatorClient,
) -> None:
    disc, blank = Image.open(io.BytesIO(DISC)), Image.new("L", (512, 512))
    found = []
    for first, second in ((disc, blank), (blank, disc)):
        buffer = io.BytesIO()
        first.save(buffer, "GIF", save_all=True, append_images=[second])
        (answer,) = annotate(client, request(buffer.getvalue(), OBJECTS))
        found.append(bool(answer.localized_object_annotations))
    assert found == [True, False]


@pytest.mark.rule("localcloud.vision.switched-off", "include/localcloud/docs/vision.md")
def test_with_its_computing_switched_off_every_image_shows_nothing(
    start_cloud: Any, tmp_path: Any
) -> None:
    with start_cloud(tmp_path, "--set=vision_computes=false") as running:
        quiet = _client(running)
        answers = annotate(quiet, request(DISC, OBJECTS, LABELS, TEXT), request(b"x", LABELS))
        assert answers == [vision.AnnotateImageResponse()] * 2
        running.admin("PATCH", "behaviour", {"vision_computes": True})
        (seen,) = annotate(quiet, request(DISC, OBJECTS))
        assert seen.localized_object_annotations
        (blank,) = annotate(quiet, request(BLANK, OBJECTS))
        assert not blank.localized_object_annotations


def _client(running: RunningCloud) -> vision.ImageAnnotatorClient:
    from google.auth.credentials import AnonymousCredentials

    return vision.ImageAnnotatorClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": running.vision},
    )
