"""Every sample study, rendered as the pipeline does, gets from Vision what the catalogue expects.

All images of a series are asked about, not only those that a sampling would pick: whichever are
picked, the result holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import vision
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from tests.contract.conftest import cloud

import samples
from samples.study import FoundFinding
from wetread.core.pixels.encoding import encode_png
from wetread.core.pixels.rendering import render_frame
from wetread.core.settings import Settings

__all__ = ["cloud"]

THRESHOLD = Settings().anomaly_threshold
BATCH = 16
SAMPLED_EVERY = 4
"""Distance between sampled slices, at most: 60 slices, 16 sampled."""
FEATURES = [
    vision.Feature(type_=vision.Feature.Type.OBJECT_LOCALIZATION),
    vision.Feature(type_=vision.Feature.Type.LABEL_DETECTION),
]


def datasets(study: samples.SampleStudy) -> Iterator[Dataset]:
    for file in study.files():
        try:
            yield dcmread(BytesIO(file.content))
        except InvalidDicomError:
            continue


def picture(ds: Dataset) -> bytes:
    return encode_png(render_frame(ds, limit_bytes=Settings().frame_limit_bytes).pixels)


def anomalies(client: vision.ImageAnnotatorClient, study: samples.SampleStudy) -> set[FoundFinding]:
    images = [(int(ds.InstanceNumber), picture(ds)) for ds in datasets(study)]
    found = set()
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        requests = []
        for _, image in batch:
            content = vision.Image(content=image)
            requests.append(vision.AnnotateImageRequest(image=content, features=FEATURES))
        responses = client.batch_annotate_images(requests=requests).responses
        for (number, _), response in zip(batch, responses, strict=True):
            assert not response.error.code
            assert response.label_annotations
            for thing in response.localized_object_annotations:
                if thing.score >= THRESHOLD:
                    box = thing.bounding_poly.normalized_vertices
                    centre = ((box[0].x + box[2].x) / 2, (box[0].y + box[2].y) / 2)
                    found.add(FoundFinding("anomaly", centre, number))
    return found


@pytest.fixture(scope="module")
def client(cloud: Any) -> vision.ImageAnnotatorClient:
    return vision.ImageAnnotatorClient(
        credentials=AnonymousCredentials(),
        transport="rest",
        client_options={"api_endpoint": cloud.vision},
    )


@pytest.mark.rule("localcloud.vision.samples", "include/localcloud/docs/vision.md")
@pytest.mark.parametrize("study", samples.catalog(), ids=lambda study: study.name)
def test_vision_finds_what_the_catalogue_expects_and_nothing_else(
    client: vision.ImageAnnotatorClient, study: samples.SampleStudy
) -> None:
    found = anomalies(client, study)
    assert study.expected.mismatches(sorted(found)) == ()
    assert study.expected.alert == bool(found)


@pytest.mark.rule("localcloud.vision.samples", "include/localcloud/docs/vision.md")
def test_the_nodule_is_found_however_the_series_is_sampled(
    client: vision.ImageAnnotatorClient,
) -> None:
    (study,) = (s for s in samples.catalog() if s.expected.findings)
    slices = sorted(found.instance_number for found in anomalies(client, study))
    assert slices == list(range(slices[0], slices[0] + len(slices)))
    assert len(slices) >= SAMPLED_EVERY
