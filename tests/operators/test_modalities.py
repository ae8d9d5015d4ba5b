"""Of an instance with many frames only those that are looked at are moved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from pydicom import dcmread
from tests.contract.conftest import RunningCloud
from tests.operators.pipeline import Pipeline

from samples import SampleFile, catalog
from wetread.core.findings import ImageReference
from wetread.core.pixels.burned_in.gate import TextGate
from wetread.core.pixels.burned_in.rules import TextPolicy
from wetread.core.pixels.modalities import Options, prepare_frame
from wetread.core.pixels.sampling import Sampling, select_frames
from wetread.core.pixels.sampling_rules import parse_overrides
from wetread.gcp.dicomweb import DicomWebClient
from wetread.gcp.http import HttpApi
from wetread.gcp.series_images import Picture, SeriesImages

OPTIONS = Options(2**28)
SPARSE = Sampling(1)


@cache
def files_of(name: str) -> tuple[SampleFile, ...]:
    (sample,) = (study for study in catalog() if study.name == name)
    return sample.files()


class NoText:
    """Finds no text, so that pictures are compared as they were made."""

    def detect(self, pixels: Any) -> tuple[Any, ...]:
        return ()


class CountingSession(requests.Session):
    """Notes the path and the size of every answer; refuses paths that hold ``refused``."""

    def __init__(self, refused: str = "nothing") -> None:
        super().__init__()
        self.refused = refused
        self.moved: dict[str, int] = {}

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        response = super().request(method, url, *args, **options)
        self.moved[str(url).partition("/studies/")[2]] = len(response.content)
        if self.refused in str(url):
            response.status_code = 406
        return response

    @property
    def pixels_moved(self) -> dict[str, int]:
        return {path: size for path, size in self.moved.items() if "/metadata" not in path}


def read_series(
    pipeline: Pipeline,
    cloud: RunningCloud,
    name: str,
    session: CountingSession,
    sampling: Sampling = SPARSE,
) -> tuple[tuple[ImageReference, ...], list[Picture]]:
    """Store a sample, choose its frames and fetch their pictures through ``session``."""
    store = pipeline.installation.dataset.dicom_store(pipeline.installation.settings.dicom_store)
    client = DicomWebClient(HttpApi(session, f"{cloud.healthcare}/v1"), store)
    first = dcmread(BytesIO(files_of(name)[0].content), stop_before_pixels=True)
    for file in files_of(name):
        pipeline.installation.dicomweb.store_instances(first.StudyInstanceUID, [file.content], "it")
    metadata = client.series_metadata(first.StudyInstanceUID, first.SeriesInstanceUID, "it")
    volumes = [item for item in metadata if "LABEL" not in item["00080008"]["Value"]]
    frames = select_frames(volumes, sampling)
    images = SeriesImages(client, 4, OPTIONS, TextGate(TextPolicy.MASK, NoText), "it")
    found = images.pictures(first.StudyInstanceUID, frames, metadata)
    return frames, [picture for pictures in found for picture in pictures]


def expected_pictures(name: str) -> Iterator[tuple[tuple[str, int], Any]]:
    for file in files_of(name):
        dataset = dcmread(BytesIO(file.content))
        for number in range(1, int(dataset.NumberOfFrames) + 1):
            pixels = prepare_frame(dataset, number, OPTIONS).pixels
            yield (dataset.SOPInstanceUID, number), pixels


@pytest.mark.parametrize("name", ["us-heart-cine", "sm-biopsy"])
@pytest.mark.parametrize("refused", ["nothing", "/frames/"])
def test_few_frames_are_fetched_as_frames_and_the_pictures_are_those_of_the_whole(
    shared_pipeline: Pipeline, shared_cloud: RunningCloud, name: str, refused: str
) -> None:
    session = CountingSession(refused)
    frames, pictures = read_series(shared_pipeline, shared_cloud, name, session)
    assert {picture.frame for picture in pictures} == set(frames)
    expected = dict(expected_pictures(name))
    for picture in pictures:
        shown = np.asarray(Image.open(BytesIO(picture.png)))
        key = (picture.frame.sop_instance_uid, picture.frame.frame_number)
        assert np.array_equal(shown, expected[key])
    whole = [path for path in session.pixels_moved if "/frames/" not in path]
    assert bool(whole) == (refused != "nothing")


def test_of_a_cine_loop_a_quarter_of_its_bytes_is_moved(
    shared_pipeline: Pipeline, shared_cloud: RunningCloud
) -> None:
    session = CountingSession()
    name = "us-heart-cine"
    frames, _ = read_series(shared_pipeline, shared_cloud, name, session)
    assert len(frames) == 4
    (path,) = session.pixels_moved
    assert path.endswith("/frames/1,9,16,24")
    assert session.pixels_moved[path] < sum(len(file.content) for file in files_of(name)) / 4


def test_many_frames_are_asked_for_in_several_requests(
    shared_pipeline: Pipeline, shared_cloud: RunningCloud
) -> None:
    session = CountingSession()
    third = Sampling(16, parse_overrides("SM=every:3"))
    frames, pictures = read_series(shared_pipeline, shared_cloud, "sm-biopsy", session, third)
    assert {picture.frame for picture in pictures} == set(frames)
    asked = [path.partition("/frames/")[2].split(",") for path in session.pixels_moved]
    assert sum(map(len, asked)) == len(frames) == 28
    assert max(map(len, asked)) == 16
