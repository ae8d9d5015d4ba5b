"""Vision's limits, hostile images, and batches whose answers go to Cloud Storage."""

from __future__ import annotations

import io
import json
import struct
import uuid
import zlib
from base64 import b64encode
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import storage, vision
from PIL import Image
from tests.contract.conftest import RunningCloud
from tests.contract.test_vision import BLANK, DISC, OBJECTS, TYPES, annotate, client, post, request

QUOTAS = "https://cloud.google.com/vision/quotas"
BATCHES = "https://cloud.google.com/vision/docs/batch"
REFERENCE = "https://cloud.google.com/vision/docs/reference/rest/v1"

__all__ = ["client"]


def stored(bucket: storage.Bucket, name: str, content: bytes) -> dict[str, Any]:
    """Store an object and return the image that points at it."""
    bucket.blob(name).upload_from_string(content)
    return {"source": {"image_uri": f"gs://{bucket.name}/{name}"}}


def huge_png(side: int) -> bytes:
    """Return a small, valid PNG whose header claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.rule("vision.limits.pixels", "https://cloud.google.com/vision/docs/supported-files")
@pytest.mark.parametrize("side", [8_700, 60_000, 2**31 - 1])
def test_an_image_over_75_megapixels_is_refused_by_its_header(
    client: vision.ImageAnnotatorClient, side: int
) -> None:
    bomb, good = annotate(client, request(huge_png(side), OBJECTS), request(DISC, OBJECTS))
    assert bomb.error.code == 3
    assert "75000000 pixels" in bomb.error.message
    assert good.localized_object_annotations


@pytest.mark.rule("vision.limits.image-bytes", QUOTAS)
def test_an_image_over_20_megabytes_is_its_own_error(
    client: vision.ImageAnnotatorClient, bucket: storage.Bucket
) -> None:
    # What follows the end of a PNG is ignored, so both are readable images.
    fits = stored(bucket, "fits.png", DISC + bytes(20_000_000 - len(DISC)))
    large = stored(bucket, "large.png", DISC + bytes(20_000_001 - len(DISC)))
    found, refused = annotate(
        client,
        *(vision.AnnotateImageRequest(image=i, features=[OBJECTS]) for i in (fits, large)),
    )
    assert found.localized_object_annotations
    assert (refused.error.code, "20000000" in refused.error.message) == (3, True)


@pytest.mark.rule("vision.image.content-first", f"{REFERENCE}/Image")
def test_content_goes_before_source(client: vision.ImageAnnotatorClient) -> None:
    image = {"content": DISC, "source": {"image_uri": "gs://no-such-bucket/x"}}
    (answer,) = annotate(client, vision.AnnotateImageRequest(image=image, features=[OBJECTS]))
    assert answer.localized_object_annotations


@pytest.mark.rule("vision.features.max-results-range", f"{REFERENCE}/Feature")
def test_a_negative_count_and_an_unknown_feature_fail_the_batch(cloud: RunningCloud) -> None:
    url = f"{cloud.vision}/v1/images:annotate"
    image = {"content": b64encode(BLANK).decode()}
    for feature in (
        {"type": "LABEL_DETECTION", "maxResults": -1},
        {"type": "LABEL_DETECTION", "maxResults": 1.5},
        {"type": "X_RAY"},
        {"type": 99},
        None,
    ):
        status, answer = post(url, {"requests": [{"image": image, "features": [feature]}]})
        assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.rule("localcloud.vision.hostile", "include/localcloud/docs/vision.md")
def test_hostile_images_are_errors_of_their_own(client: vision.ImageAnnotatorClient) -> None:
    endless = io.BytesIO()
    frames = [Image.new("L", (8, 8), value) for value in range(200)]
    frames[0].save(endless, "GIF", save_all=True, append_images=frames[1:])
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 64)).save(jpeg, "JPEG")
    hostile = [
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + b"\xff" * 100,
        b"II*\x00" + b"\xff" * 200,
        jpeg.getvalue()[:40] + bytes(500),
        b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(50),
        b"%PDF-1.7",
        b"P5 99999 99999 255\n",
    ]
    answers = annotate(client, *(request(h, OBJECTS) for h in hostile), request(DISC, OBJECTS))
    assert {answer.error.code for answer in answers[:-1]} == {3}
    assert answers[-1].localized_object_annotations
    (many,) = annotate(client, request(endless.getvalue(), OBJECTS))
    assert not many.error.code


def results(bucket: storage.Bucket, prefix: str) -> dict[str, Any]:
    """Return the JSON files below a prefix by what follows it."""
    blobs = bucket.client.list_blobs(bucket.name, prefix=prefix)
    return {
        blob.name.removeprefix(prefix): json.loads(blob.download_as_bytes())["responses"]
        for blob in blobs
    }


@pytest.mark.rule("vision.async-batch.output", f"{REFERENCE}/OutputConfig")
def test_an_asynchronous_batch_writes_json_files_of_batch_size(
    client: vision.ImageAnnotatorClient, bucket: storage.Bucket
) -> None:
    disc, blank = stored(bucket, "in/disc.png", DISC), stored(bucket, "in/blank.png", BLANK)
    absent = {"source": {"image_uri": f"gs://{bucket.name}/in/absent.png"}}
    prefix = f"gs://{bucket.name}/out/run-"
    operation = client.async_batch_annotate_images(
        requests=[{"image": i, "features": [OBJECTS]} for i in (disc, blank, absent)],
        output_config={"gcs_destination": {"uri": prefix}, "batch_size": 2},
    )
    assert operation.result(timeout=20).output_config.gcs_destination.uri == prefix
    assert operation.metadata.state == vision.OperationMetadata.State.DONE
    found = results(bucket, "out/run-")
    assert {name: len(responses) for name, responses in found.items()} == {
        "output-1-to-2.json": 2,
        "output-3-to-3.json": 1,
    }
    first, second = found["output-1-to-2.json"]
    assert first["localizedObjectAnnotations"]
    assert first["context"] == {"uri": disc["source"]["image_uri"]}
    assert set(second) == {"context"}
    (third,) = found["output-3-to-3.json"]
    assert third["error"]["code"] == 7


@pytest.mark.rule("vision.async-batch.no-content", f"{REFERENCE}/Image")
def test_an_asynchronous_batch_takes_images_by_uri_only(
    client: vision.ImageAnnotatorClient, bucket: storage.Bucket
) -> None:
    output = {"gcs_destination": {"uri": f"gs://{bucket.name}/out/"}}
    with pytest.raises(BadRequest, match="content"):
        client.async_batch_annotate_images(
            requests=[{"image": {"content": DISC}, "features": [OBJECTS]}], output_config=output
        )


@pytest.mark.rule("vision.async-batch.limits", BATCHES)
def test_an_asynchronous_batch_has_2000_images_and_files_of_100_at_most(
    client: vision.ImageAnnotatorClient, bucket: storage.Bucket
) -> None:
    one = {"image": {"source": {"image_uri": f"gs://{bucket.name}/x"}}, "features": [OBJECTS]}
    destination = {"gcs_destination": {"uri": f"gs://{bucket.name}/out/"}}
    for requests, output in (
        ([one] * 2001, destination),
        ([], destination),
        ([one], {**destination, "batch_size": 101}),
        ([one], {"gcs_destination": {"uri": "out/"}}),
    ):
        with pytest.raises(BadRequest):
            client.async_batch_annotate_images(requests=requests, output_config=output)


@pytest.mark.rule("vision.async-batch.operation", BATCHES)
def test_an_asynchronous_batch_goes_on_after_a_kill(start_cloud: Any, tmp_path: Any) -> None:
    from google.auth.credentials import AnonymousCredentials

    def objects(running: RunningCloud) -> storage.Client:
        return storage.Client(
            project="p",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": running.storage},
        )

    name = f"b-{uuid.uuid4().hex[:8]}"
    slow = "--set=operation_seconds=1"
    with start_cloud(tmp_path, slow) as running:
        bucket = objects(running).create_bucket(name)
        image = {"source": {"imageUri": f"gs://{name}/a.png"}}
        stored(bucket, "a.png", DISC)
        body = {
            "requests": [{"image": image, "features": [{"type": "OBJECT_LOCALIZATION"}]}],
            "outputConfig": {"gcsDestination": {"uri": f"gs://{name}/out/"}},
        }
        url = f"{running.vision}/v1/projects/p/locations/eu/images:asyncBatchAnnotate"
        status, begun = post(url, body)
        assert (status, begun["metadata"]["state"], "done" in begun) == (200, "CREATED", False)
        assert begun["name"].startswith("projects/p/locations/eu/operations/")
        running.process.kill()
    with start_cloud(tmp_path, slow) as running:
        bucket = objects(running).bucket(name)
        while not (found := results(bucket, "out/")):
            assert running.process.poll() is None
        assert found["output-1-to-1.json"][0]["localizedObjectAnnotations"]


@pytest.mark.rule("vision.product-search", f"{REFERENCE}/projects.locations.productSets")
def test_product_search_is_not_served(
    cloud: RunningCloud, client: vision.ImageAnnotatorClient
) -> None:
    feature = vision.Feature(type_=TYPES.PRODUCT_SEARCH)
    (answer,) = annotate(client, request(DISC, feature))
    assert (answer.error.code, "PRODUCT_SEARCH" in answer.error.message) == (12, True)
    url = f"{cloud.vision}/v1/projects/p/locations/us/products?productId=x"
    assert post(url, {"displayName": "x"})[0] == 501
