"""What the model server answers is what the adapter reads: both sides of one contract."""

from __future__ import annotations

import base64
import uuid

import numpy as np
import pytest
from tests.contract.conftest import RunningCloud
from tests.gcp.vertex_installation import SUBJECT, Installation
from tests.modelserver.conftest import cloud, server, store
from tests.modelserver.series import BOX, CENTRE, SIZE, Series
from tests.modelserver.server import RunningServer
from tests.modelserver.stores import fill
from tests.modelserver.test_predict import AREA, png

from wetread.core.findings import Region
from wetread.core.predictions.adapters import ADAPTERS
from wetread.core.predictions.contract import (
    ImageExtent,
    Mask,
    Prediction,
    PredictionError,
    Question,
)
from wetread.core.predictions.payload import Source, choose

__all__ = ["cloud", "server", "store"]

CODES = frozenset({"bright", "dim"})
DETECTIONS = ADAPTERS["detections"]
SLICES, ROWS, COLUMNS = BOX


@pytest.fixture(scope="module")
def place(cloud: RunningCloud, server: RunningServer) -> Installation:
    """The local cloud that the model server trusts, with its models deployed on demand."""
    return Installation(cloud, server)


def answered(
    place: Installation, model: str, source: Source, question: Question
) -> Prediction | PredictionError:
    """Ask one model of the server about one picture or series, as an analysis does."""
    image = f"registry/{model}-{uuid.uuid4().hex[:8]}"
    place.register(image, place.server.url)
    client = place.client()
    endpoint = client.find_endpoint(
        place.deployed(image, predict_route=f"/v1/models/{model}:predict")
    )
    payload = choose(source, DETECTIONS.forms, endpoint.limits, None, SUBJECT)
    instance = DETECTIONS.instance(payload, question)
    response = client.predict(endpoint, [instance], timeout_seconds=20, subject=SUBJECT)
    return DETECTIONS.read(response.predictions[0], question)


def volume(place: Installation, series: Series, files: list[bytes], frames: int) -> Prediction:
    web = fill(place.cloud, files)
    uids = [series.uid(index) for index in range(len(files))]
    question = Question(CODES, {uid: ImageExtent(SIZE, SIZE, frames) for uid in uids})
    source = Source(dicomweb_uri=f"{web}/{series.path}")
    found = answered(place, "bright-spot", source, question)
    assert isinstance(found, Prediction), found
    return found


def mask_of(found: Prediction) -> Mask:
    (detection,) = found.detections
    assert detection.mask is not None
    return detection.mask


def test_a_series_is_read_with_place_size_and_mask(place: Installation) -> None:
    series = Series()
    found = volume(place, series, series.slices(), frames=1)
    assert found.model is not None
    assert found.model.weights_digest.startswith("sha256:")
    assert (found.images, found.scores) == (12, {"bright": 0.75, "dim": 0.0})
    (spot,) = found.detections
    assert spot.point_mm == pytest.approx(series.point(CENTRE), abs=0.01)
    assert [m.unit for m in spot.measurements] == ["mm"]
    mask = mask_of(found)
    assert mask.sop_instance_uids == tuple(series.uid(i) for i in range(SLICES.start, SLICES.stop))
    assert (mask.row, mask.column) == (ROWS.start, COLUMNS.start)
    assert mask.array().shape == np.empty((12, SIZE, SIZE))[BOX].shape
    assert mask.array().all()


def test_a_series_of_one_object_is_read_by_frames(place: Installation) -> None:
    series = Series()
    found = volume(place, series, [series.multiframe()], frames=12)
    assert found.images == 12
    mask = mask_of(found)
    assert set(mask.sop_instance_uids) == {series.uid(0)}
    assert mask.frame_numbers == tuple(12 - i for i in range(SLICES.start, SLICES.stop))


def test_a_picture_is_read_without_naming_it(place: Installation) -> None:
    content = base64.b64decode(png()["input_bytes"])
    found = answered(place, "bright-area", Source(content), Question(CODES))
    assert isinstance(found, Prediction), found
    (area,) = found.detections
    assert (area.image_uid, area.region) == (None, Region(**AREA))


def test_a_refusal_is_read_with_its_code(place: Installation) -> None:
    found = answered(place, "bright-area", Source(b"no image"), Question(CODES))
    assert isinstance(found, PredictionError)
    assert (found.code, found.is_malformed) == ("IMAGE_INVALID", False)
