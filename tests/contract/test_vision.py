"""Vision ``images:annotate`` through Google's clients: limits, error shapes, honest results."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode, urlsafe_b64encode
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from google.api_core.exceptions import BadRequest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage, vision
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from PIL import Image, ImageDraw, ImageFont

QUOTAS = "https://cloud.google.com/vision/quotas"
REFERENCE = "https://cloud.google.com/vision/docs/reference/rest/v1/AnnotateImageResponse"
TYPES = vision.Feature.Type
OBJECTS = vision.Feature(type_=TYPES.OBJECT_LOCALIZATION)
LABELS = vision.Feature(type_=TYPES.LABEL_DETECTION)
TEXT = vision.Feature(type_=TYPES.TEXT_DETECTION)


@pytest.fixture(scope="module")
def client(cloud: Any) -> vision.ImageAnnotatorClient:
    return vision.ImageAnnotatorClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": cloud.vision},
    )


def png(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def request(content: bytes, *features: vision.Feature) -> vision.AnnotateImageRequest:
    return vision.AnnotateImageRequest(image=vision.Image(content=content), features=features)


def annotate(client: vision.ImageAnnotatorClient, *requests: Any) -> list[Any]:
    return list(client.batch_annotate_images(requests=list(requests)).responses)


def needs_text(message: str) -> None:
    """Skip where the local cloud says that its extra for text is not installed."""
    if "localcloud[text]" in message:
        pytest.skip(message)


def post(url: str, body: object) -> tuple[int, Any]:
    sent = urllib.request.Request(  # noqa: S310 - the URL is the fixture's own
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def scene(size: tuple[int, int] = (512, 512)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a dark, faintly noisy image and its x and y coordinates."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[: size[0], : size[1]]
    return 60 + rng.normal(0, 4, size), x, y


def with_disc(
    size: tuple[int, int], centre: tuple[float, float], radius: float, bright: float = 220
) -> np.ndarray:
    image, x, y = scene(size)
    image[np.hypot(x - centre[0], y - centre[1]) <= radius] = bright
    return image


BLANK = png(np.zeros((64, 64)))
DISC = png(with_disc((512, 512), (150, 300), 12))


@pytest.mark.rule("vision.annotate.images-per-request", QUOTAS)
def test_sixteen_images_are_answered_in_order_and_seventeen_refused(
    client: vision.ImageAnnotatorClient,
) -> None:
    sixteen = [request(DISC if index % 5 == 0 else BLANK, OBJECTS) for index in range(16)]
    found = [bool(r.localized_object_annotations) for r in annotate(client, *sixteen)]
    assert found == [index % 5 == 0 for index in range(16)]
    with pytest.raises(BadRequest, match="16"):
        annotate(client, *sixteen, request(BLANK, OBJECTS))


@pytest.mark.rule("vision.annotate.body-size", QUOTAS)
def test_a_body_over_ten_megabytes_is_refused(client: vision.ImageAnnotatorClient) -> None:
    with pytest.raises(BadRequest, match="payload size exceeds the limit"):
        annotate(client, request(bytes(8 << 20), OBJECTS))


@pytest.mark.rule("vision.annotate.bad-image", REFERENCE)
@pytest.mark.parametrize("content", [b"not an image", DISC[: len(DISC) // 2], b"DICM"])
def test_bad_image_bytes_are_an_error_of_that_image_only(
    client: vision.ImageAnnotatorClient, content: bytes
) -> None:
    bad, good = annotate(client, request(content, OBJECTS), request(DISC, OBJECTS))
    assert (bad.error.code, bad.error.message) == (3, "Bad image data.")
    assert not good.error.code
    assert good.localized_object_annotations


@pytest.mark.rule("vision.annotate.absent-image", REFERENCE)
def test_a_request_without_image_or_features(client: vision.ImageAnnotatorClient) -> None:
    (absent,) = annotate(client, vision.AnnotateImageRequest(image={}, features=[OBJECTS]))
    assert (absent.error.code, absent.error.message) == (3, "No image present.")
    with pytest.raises(BadRequest, match="image and features"):
        annotate(client, request(BLANK))
    with pytest.raises(BadRequest):
        annotate(client)


@pytest.mark.rule("vision.annotate.nothing-found", REFERENCE)
def test_nothing_found_is_an_empty_object(cloud: Any) -> None:
    image = {"content": b64encode(BLANK).decode()}
    body = {"requests": [{"image": image, "features": [{"type": "OBJECT_LOCALIZATION"}]}]}
    assert post(f"{cloud.vision}/v1/images:annotate", body) == (200, {"responses": [{}]})


@pytest.mark.rule("vision.json.bytes", "https://protobuf.dev/programming-guides/json/")
def test_content_may_be_url_safe_base64_without_padding_but_must_be_base64(cloud: Any) -> None:
    url = f"{cloud.vision}/v1/images:annotate"

    def body(content: str) -> dict[str, Any]:
        features = [{"type": "OBJECT_LOCALIZATION"}]
        return {"requests": [{"image": {"content": content}, "features": features}]}

    status, answer = post(url, body(urlsafe_b64encode(DISC).decode().rstrip("=")))
    assert status == 200
    assert answer["responses"][0]["localizedObjectAnnotations"]
    status, answer = post(url, body("%%%"))
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.rule("vision.annotate.feature-types", REFERENCE)
@pytest.mark.parametrize("kind", [TYPES(t) for t in (0, 1, 2, 3, 10, 12)], ids=lambda t: t.name)
def test_a_feature_that_is_not_computed_is_named_and_others_are_answered(
    client: vision.ImageAnnotatorClient, kind: Any
) -> None:
    (answer,) = annotate(client, request(DISC, vision.Feature(type_=kind), OBJECTS))
    assert answer.error.code == (3 if kind == TYPES.TYPE_UNSPECIFIED else 12)
    assert kind.name in answer.error.message
    assert answer.localized_object_annotations


@pytest.mark.rule("vision.annotate.max-results", REFERENCE)
def test_max_results_keeps_the_best(client: vision.ImageAnnotatorClient) -> None:
    image = with_disc((512, 512), (150, 300), 12)
    image[np.hypot(*(np.mgrid[:512, :512] - np.array([100, 400])[:, None, None])) <= 12] = 110
    two, one = annotate(
        client,
        request(png(image), OBJECTS),
        request(png(image), vision.Feature(type_=OBJECTS.type_, max_results=1)),
    )
    scores = [o.score for o in two.localized_object_annotations]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert [o.score for o in one.localized_object_annotations] == scores[:1]


@pytest.mark.rule("vision.annotate.parents", "https://cloud.google.com/vision/docs/reference/rest")
def test_project_and_location_may_stand_in_the_path(cloud: Any) -> None:
    service = build(
        "vision",
        "v1",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.vision},
        static_discovery=True,
    )
    image = {"content": b64encode(DISC).decode()}
    body = {"requests": [{"image": image, "features": [{"type": "OBJECT_LOCALIZATION"}]}]}
    project, location = "projects/p", "projects/p/locations/eu"
    answers = [
        service.images().annotate(body=body).execute(),
        service.projects().images().annotate(parent=project, body=body).execute(),
        service.projects().locations().images().annotate(parent=location, body=body).execute(),
    ]
    assert answers[0]["responses"][0]["localizedObjectAnnotations"]
    assert answers == [answers[0]] * 3
    with pytest.raises(HttpError, match=r"vision\.files\.annotate") as refused:
        service.files().annotate(body={"requests": []}).execute()
    assert refused.value.status_code == 501


@pytest.mark.rule("vision.annotate.image-source", REFERENCE)
def test_an_image_in_cloud_storage_is_read_and_an_absent_one_is_its_own_error(
    client: vision.ImageAnnotatorClient, cloud: Any
) -> None:
    objects = storage.Client(
        project="p",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud.storage},
    )
    objects.create_bucket("vision-images").blob("a/disc.png").upload_from_string(DISC)
    uris = ("gs://vision-images/a/disc.png", "gs://vision-images/no", "https://example.com/x.png")
    found, absent, elsewhere = annotate(
        client,
        *(
            vision.AnnotateImageRequest(image={"source": {"image_uri": u}}, features=[OBJECTS])
            for u in uris
        ),
    )
    assert found.localized_object_annotations
    assert (absent.error.code, absent.error.message) == (7, f"Error opening file: {uris[1]}.")
    assert elsewhere.error.code == 7


@pytest.mark.parametrize(
    ("size", "radius"), [((512, 512), 12), ((2048, 2048), 60), ((128, 128), 4), ((300, 500), 12)]
)
@pytest.mark.rule("localcloud.vision.salience", "include/localcloud/docs/vision.md")
def test_a_bright_disc_in_the_dark_is_found_where_it_is(
    client: vision.ImageAnnotatorClient, size: tuple[int, int], radius: int
) -> None:
    centre = (size[1] * 0.3, size[0] * 0.6)
    (answer,) = annotate(client, request(png(with_disc(size, centre, radius)), OBJECTS))
    (found,) = answer.localized_object_annotations
    corners = found.bounding_poly.normalized_vertices
    assert found.name == "Salient region"
    assert found.score >= 0.8
    assert (corners[0].x + corners[2].x) / 2 == pytest.approx(0.3, abs=0.01)
    assert (corners[0].y + corners[2].y) / 2 == pytest.approx(0.6, abs=0.01)
    assert (corners[2].x - corners[0].x) * size[1] == pytest.approx(2 * radius, rel=0.35)


def _rod(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[(np.abs(y - 250) < 9) & (np.abs(x - 250) < 90)] = 220


def _edge(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[x > 256] = 220


def _corner(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[(x > 256) & (y > 256)] = 220


def _large(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[np.hypot(x - 256, y - 256) < 90] = 220


def _dark(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image += 140
    image[np.hypot(x - 256, y - 256) < 12] = 60


def _faint(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[np.hypot(x - 256, y - 256) < 12] += 40


def _noise(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image += np.random.default_rng(2).normal(0, 40, image.shape)


def _crowd(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[np.hypot((x % 34) - 17, (y % 34) - 17) < 12] = 220


def _at_border(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[np.hypot(x - 6, y - 256) < 12] = 220


def _touching_wall(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[x > 300] = 220
    image[np.hypot(x - 292, y - 256) < 12] = 220


def _ring(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    image[np.abs(np.hypot(x - 256, y - 256) - 16) < 3] = 220


def _text(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    canvas = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for size, top in ((12, 20), (18, 80), (30, 160), (48, 280)):
        font = ImageFont.load_default(size=size)
        draw.text((30, top), "PHANTOM MISS 0815 .:o L R", 235, font=font)
    image[:] = np.asarray(canvas)


@pytest.mark.rule("localcloud.vision.salience", "include/localcloud/docs/vision.md")
@pytest.mark.parametrize(
    "paint",
    [
        _rod,
        _edge,
        _corner,
        _large,
        _dark,
        _faint,
        _noise,
        _crowd,
        _at_border,
        _touching_wall,
        _ring,
        _text,
    ],
    ids=lambda paint: paint.__name__.strip("_"),
)
def test_what_is_not_bright_round_compact_and_alone_stays_below_the_threshold(
    client: vision.ImageAnnotatorClient, paint: Any
) -> None:
    image, x, y = scene()
    paint(image, x, y)
    (answer,) = annotate(client, request(png(np.clip(image, 0, 255)), OBJECTS))
    assert [o.score for o in answer.localized_object_annotations if o.score >= 0.8] == []


@pytest.mark.rule("localcloud.vision.labels", "include/localcloud/docs/vision.md")
def test_labels_say_what_can_be_counted(client: vision.ImageAnnotatorClient) -> None:
    checker = np.indices((256, 256)).sum(axis=0) // 8 % 2 * 255
    red = np.zeros((64, 64, 3))
    red[:, :, 0] = 250
    answers = annotate(client, *(request(png(i), LABELS) for i in (checker, red, red[:, :, 1])))
    words = [{label.description: label.score for label in a.label_annotations} for a in answers]
    assert {"Grayscale", "High contrast", "High detail"} <= words[0].keys()
    assert "Color" in words[1]
    assert {"Grayscale", "Dark", "Low contrast", "Low detail"} == words[2].keys()
    assert all(0.5 <= score <= 1 for found in words for score in found.values())


@pytest.mark.rule("vision.annotate.zero-coordinates", REFERENCE)
def test_text_is_read_only_when_asked_and_zero_coordinates_are_absent(cloud: Any) -> None:
    canvas = Image.new("L", (420, 60))
    font = ImageFont.load_default(size=40)
    ImageDraw.Draw(canvas).text((0, -8), "DOE JOHN 1970", 255, font=font)
    image = {"content": b64encode(png(np.asarray(canvas))).decode()}
    url = f"{cloud.vision}/v1/images:annotate"
    asked = [{"image": image, "features": [{"type": t}]} for t in (4, 5)]
    _, answer = post(url, {"requests": asked})
    unasked, read = answer["responses"]
    needs_text(read.get("error", {}).get("message", ""))
    assert "textAnnotations" not in unasked
    assert "1970" in read["fullTextAnnotation"]["text"]
    assert "1970" in read["textAnnotations"][0]["description"]
    corners = read["textAnnotations"][0]["boundingPoly"]["vertices"]
    assert all(value for corner in corners for value in corner.values())
    assert any(len(corner) < 2 for corner in corners)


@pytest.mark.rule("localcloud.vision.deterministic", "include/localcloud/docs/vision.md")
def test_the_same_image_gets_the_same_answer(client: vision.ImageAnnotatorClient) -> None:
    first, *others = annotate(client, *[request(DISC, OBJECTS, LABELS)] * 4)
    assert others == [first] * 3
    score = first.localized_object_annotations[0].score
    assert score == pytest.approx(round(score, 4), abs=1e-7)
