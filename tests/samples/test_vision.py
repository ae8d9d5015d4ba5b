"""Every sample study, rendered as the pipeline does, gets from Vision what the catalogue expects.

All images of a series are asked about, not only those that a sampling would pick: whichever are
picked, the result holds. Of cine loops and slides the frames are asked about that are picked.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import vision
from pydicom import Dataset, dcmread
from tests.contract.conftest import cloud

import samples
from samples.study import FoundFinding
from wetread.core.headers import Header, read_header
from wetread.core.pixels.encoding import encode_png
from wetread.core.pixels.modalities import prepare_frame
from wetread.core.pixels.modalities.contract import options_of
from wetread.core.pixels.policy import skip_reason
from wetread.core.pixels.sampling import sampling_of, select_frames
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
    """Yield what would be looked at; of a slide's levels, the one that fits."""
    for file in study.files():
        read = read_header(file.content, len(file.content), str)
        if isinstance(read, Header) and not skip_reason(read):
            yield dcmread(BytesIO(file.content))


def pictures(ds: Dataset) -> Iterator[bytes]:
    metadata = ds.to_json_dict(bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "")
    for frame in select_frames([metadata], sampling_of(Settings())):
        rendered = prepare_frame(ds, frame.frame_number, options_of(Settings()))
        yield encode_png(rendered.pixels)


def anomalies(client: vision.ImageAnnotatorClient, study: samples.SampleStudy) -> set[FoundFinding]:
    images = [(int(ds.InstanceNumber), image) for ds in datasets(study) for image in pictures(ds)]
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
    assert study.expected.alert == bool(found or study.expected.model_findings)


@pytest.mark.rule("localcloud.vision.samples", "include/localcloud/docs/vision.md")
def test_the_nodule_is_found_however_the_series_is_sampled(
    client: vision.ImageAnnotatorClient,
) -> None:
    (study,) = (s for s in samples.catalog() if s.name == "ct-chest-nodule")
    slices = sorted(found.instance_number for found in anomalies(client, study))
    assert slices == list(range(slices[0], slices[0] + len(slices)))
    assert len(slices) >= SAMPLED_EVERY
