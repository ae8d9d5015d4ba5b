"""Every sample study, rendered as the pipeline does, gets from Vision what the catalogue expects.

The rendering here is written from the standard, so that it does not lean on the pipeline's. All
images of a series are asked about, not only those that a sampling would pick: whichever are picked,
the result holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import vision
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_rescale

import samples
from samples.study import FoundFinding

THRESHOLD = 0.8
BATCH = 16
SAMPLED_EVERY = 4
"""Distance between sampled slices, at most: 60 slices, 16 sampled."""
FEATURES = [
    vision.Feature(type_=vision.Feature.Type.OBJECT_LOCALIZATION),
    vision.Feature(type_=vision.Feature.Type.LABEL_DETECTION),
]


def renderings(ds: Dataset) -> Iterator[np.ndarray]:
    """Yield the image in 8 bit; without a window in the header, by more than one convention."""
    if ds.SamplesPerPixel == 3:
        yield ds.pixel_array
        return
    values = apply_rescale(ds.pixel_array, ds).astype(float)
    for low, high in grey_ranges(ds, values):
        gray = np.clip((values - low) / (high - low), 0, 1)
        yield np.rint((1 - gray if ds.PhotometricInterpretation == "MONOCHROME1" else gray) * 255)


def grey_ranges(ds: Dataset, values: np.ndarray) -> list[tuple[float, float]]:
    """Return the values to show as black and white: the first window (PS3.3 C.11.2.1.2)."""
    if "WindowCenter" in ds:
        centre, width = (
            float(np.atleast_1d(ds[k].value)[0]) for k in ("WindowCenter", "WindowWidth")
        )
        low = centre - 0.5 - (width - 1) / 2
        return [(low, low + width - 1)]
    return [tuple(np.percentile(values, (0.5, 99.5))), (values.min(), values.max())]


def datasets(study: samples.SampleStudy) -> Iterator[Dataset]:
    for file in study.files():
        try:
            yield dcmread(BytesIO(file.content))
        except InvalidDicomError:
            continue


def anomalies(client: vision.ImageAnnotatorClient, study: samples.SampleStudy) -> set[FoundFinding]:
    images = [(int(ds.InstanceNumber), image) for ds in datasets(study) for image in renderings(ds)]
    found = set()
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        requests = []
        for _, image in batch:
            buffer = BytesIO()
            Image.fromarray(image.astype(np.uint8)).save(buffer, "PNG")
            content = vision.Image(content=buffer.getvalue())
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
