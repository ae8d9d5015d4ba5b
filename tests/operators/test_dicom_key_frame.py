"""The frame of a key image is moved alone where it can be, and decoded by whoever can."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from tests.contract.conftest import RunningCloud
from tests.operators.pipeline import Pipeline

from samples import SampleFile, catalog, hostile
from wetread.core.errors import PermanentError
from wetread.core.findings import ImageReference
from wetread.core.pixels.modalities import Options, prepare_frame
from wetread.core.pixels.reading import read_instance
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.http import HttpApi
from wetread.gcp.key_frame import KeyFrame

OPTIONS = Options(2**28)
JPEG_XL = "1.2.840.10008.1.2.4.110"


class Traffic(requests.Session):
    """Counts bytes by what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: Counter[str] = Counter()

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        response = super().request(method, url, *args, **options)
        parts = str(url).split("/")
        kind = next((part for part in ("metadata", "frames") if part in parts), "instance")
        self.moved[kind] += len(response.content)
        return response


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def dicomweb(
    shared_pipeline: Pipeline, shared_cloud: RunningCloud, traffic: Traffic
) -> DicomWebClient:
    store = shared_pipeline.installation.dataset.dicom_store(
        shared_pipeline.installation.settings.dicom_store
    )
    return DicomWebClient(HttpApi(traffic, f"{shared_cloud.healthcare}/v1"), store)


def frame_of(dicomweb: DicomWebClient, blob: bytes, number: int = 1) -> KeyFrame:
    """Store an instance and name a frame of it."""
    dataset = read_instance(blob)
    assert dicomweb.store_instances(dataset.StudyInstanceUID, [blob], "it") == ()
    image = ImageReference(
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID, dataset.SOPClassUID, 1, number
    )
    return KeyFrame(dicomweb, dataset.StudyInstanceUID, image, OPTIONS, "k1-x v1 s01 vision")


def sample(name: str) -> SampleFile:
    (study,) = (one for one in catalog() if one.name == name)
    return study.files()[0]


@pytest.mark.parametrize("name", ["us-heart-cine", "sm-biopsy"])
def test_of_a_loop_or_slide_one_frame_is_moved(
    dicomweb: DicomWebClient, traffic: Traffic, name: str
) -> None:
    blob = sample(name).content
    whole = read_instance(blob)
    frame = frame_of(dicomweb, blob, 5)
    traffic.moved.clear()

    pixels = frame.pixels(int(whole.NumberOfFrames))

    assert np.array_equal(pixels, prepare_frame(whole, 5, OPTIONS).pixels)
    assert traffic.moved["instance"] == 0
    assert 0 < traffic.moved["frames"] < len(blob) / 8


def test_an_image_that_only_the_store_decodes_has_a_key_image_too(
    dicomweb: DicomWebClient, traffic: Traffic
) -> None:
    original = hostile.valid("key-frame-original")
    stored = read_instance(original)
    frame_of(dicomweb, original)
    path = (
        f"{dicomweb.url}/studies/{stored.StudyInstanceUID}/series/{stored.SeriesInstanceUID}"
        f"/instances/{stored.SOPInstanceUID}"
    )
    accept = {"Accept": f"application/dicom; transfer-syntax={JPEG_XL}"}
    compressed = pydicom.dcmread(io.BytesIO(traffic.get(path, headers=accept, timeout=30).content))
    compressed.SOPInstanceUID = f"{stored.SOPInstanceUID}.1"
    compressed.file_meta.MediaStorageSOPInstanceUID = compressed.SOPInstanceUID
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, compressed, implicit_vr=False, little_endian=True, force_encoding=True)

    pixels = frame_of(dicomweb, stream.getvalue()).pixels(1)

    assert np.array_equal(pixels, prepare_frame(stored, 1, OPTIONS).pixels)


def test_an_image_without_a_picture_is_named_by_row_and_reason(dicomweb: DicomWebClient) -> None:
    frame = frame_of(dicomweb, hostile.no_pixel_data())

    with pytest.raises(PermanentError) as raised:
        frame.pixels(1)

    assert raised.value.code == "result-invalid"
    assert "k1-x v1 s01 vision gives no picture: no-pixel-data" in str(raised.value)
