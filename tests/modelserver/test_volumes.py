"""A series by reference: one request, a volume in the order of space, places in the patient."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from tests.contract.conftest import RunningCloud
from tests.modelserver.series import BOX, CENTRE, SIZE, Series, set_pixels
from tests.modelserver.server import RunningServer
from tests.modelserver.stores import Store, fill, sends

RETRIEVE = "healthcare.projects.locations.datasets.dicomStores.studies.series.retrieveSeries"


def detection(prediction: dict[str, Any]) -> dict[str, Any]:
    assert "error" not in prediction, prediction
    (found,) = prediction["detections"]
    return dict(found)


def ask(server: RunningServer, store: Store, files: list[bytes]) -> dict[str, Any]:
    store.answer = sends(files)
    (prediction,) = server.predict("bright-spot", store.series())
    return prediction


def refusal(server: RunningServer, store: Store, files: list[bytes]) -> str:
    error = ask(server, store, files)["error"]
    assert error["code"] == "UNSUPPORTED_SERIES"
    return str(error["description"])


def test_a_series_in_a_dicom_store_is_read_with_one_request(
    server: RunningServer, cloud: RunningCloud
) -> None:
    series = Series()
    web = fill(cloud, series.slices())
    before = cloud.calls(RETRIEVE)
    (prediction,) = server.predict("bright-spot", {"dicomweb_uri": f"{web}/{series.path}"})
    assert cloud.calls(RETRIEVE) == before + 1
    assert prediction["model"]["name"] == "bright-spot"
    assert prediction["model"]["version"] == "3"
    assert prediction["model"]["weights_digest"].startswith("sha256:")
    assert prediction["scores"] == {"bright": 0.75, "dim": 0.0}
    assert prediction["images"] == series.count
    found = detection(prediction)
    assert found["image"] == {"sop_instance_uid": series.uid(5), "frame_number": 1}
    assert found["box"] == {
        "x": 20 / SIZE,
        "y": 10 / SIZE,
        "width": 2 / SIZE,
        "height": 4 / SIZE,
    }
    assert found["point_mm"] == pytest.approx(series.point(CENTRE), abs=0.01)
    assert found["measurements"] == [{"code": "diameter", "value": 7.5, "unit": "mm"}]


def test_the_mask_names_its_slices_and_is_packed_in_their_order(
    server: RunningServer, store: Store
) -> None:
    series = Series()
    mask = detection(ask(server, store, series.slices()))["mask"]
    assert mask["sop_instance_uids"] == [series.uid(index) for index in (4, 5, 6)]
    assert (mask["row"], mask["column"], mask["rows"], mask["columns"]) == (10, 20, 4, 2)
    bits = np.unpackbits(np.frombuffer(base64.b64decode(mask["bits"]), np.uint8))
    assert bits.sum() == 3 * 4 * 2
    assert (BOX[1].start, BOX[2].start) == (mask["row"], mask["column"])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    order=st.permutations(range(12)),
    geometry=st.tuples(st.floats(0.6, 5), st.floats(-3, 3), st.floats(-1, 1)),
)
def test_places_are_right_whatever_the_order_orientation_and_tilt(
    server: RunningServer, store: Store, order: list[int], geometry: tuple[float, float, float]
) -> None:
    spacing, angle, tilt = geometry
    row = (float(np.cos(angle)), float(np.sin(angle)), 0.0)
    series = Series(
        spacing_mm=spacing,
        row_direction=row,
        column_direction=(0.0, 0.0, -1.0),
        shift_mm=(0.0, 0.0, tilt),
    )
    files = series.slices()
    found = detection(ask(server, store, [files[index] for index in order]))
    assert found["point_mm"] == pytest.approx(series.point(CENTRE), abs=0.02)
    assert found["image"]["sop_instance_uid"] == series.uid(5)


def test_an_enhanced_object_is_taken_apart(server: RunningServer, store: Store) -> None:
    series = Series()
    found = detection(ask(server, store, [series.multiframe()]))
    assert found["image"] == {"sop_instance_uid": series.uid(0), "frame_number": 12 - 5}
    assert found["point_mm"] == pytest.approx(series.point(CENTRE), abs=0.01)


def test_copies_and_localizers_are_left_out(server: RunningServer, store: Store) -> None:
    series = Series()
    files = series.slices()

    def as_localizer(ds: Dataset, _: int) -> None:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        set_pixels(ds, np.zeros((48, 64)))

    scout = Series(count=7).slices(as_localizer)[0]
    prediction = ask(server, store, [scout, *files, files[3]])
    assert prediction["images"] == series.count
    assert detection(prediction)["point_mm"] == pytest.approx(series.point(CENTRE), abs=0.01)


def _position(index: int, offset_mm: float) -> Callable[[Dataset, int], None]:
    def change(ds: Dataset, number: int) -> None:
        if number >= index:
            ds.ImagePositionPatient[2] += offset_mm

    return change


def _only(index: int, **values: Any) -> Callable[[Dataset, int], None]:
    def change(ds: Dataset, number: int) -> None:
        if number == index:
            for name, value in values.items():
                setattr(ds, name, value)

    return change


IRREGULAR = {
    "unequal spacing": (_position(6, 0.4), "slices 6 and 7 of 12 are 2.90 mm apart"),
    "two orientations": (
        _only(3, ImageOrientationPatient=[0, 1, 0, 0, 0, -1]),
        "more than one orientation",
    ),
    "two spacings": (_only(3, PixelSpacing=[1, 1]), "differ in PixelSpacing"),
    "another modality": (_only(3, Modality="MR"), "looks at CT only"),
    "no position": (_only(3, ImagePositionPatient=None), "no usable ImagePositionPatient"),
    "no number": (_only(3, PixelSpacing=["0.5", "0"]), "PixelSpacing is not positive"),
    "no rescale": (_only(3, RescaleSlope=None), "no rescale to Hounsfield units"),
    "skewed": (
        _only(3, ImageOrientationPatient=[1, 0, 0, 0.5, 0.5, 0]),
        "not two perpendicular directions",
    ),
}


@pytest.mark.parametrize("name", IRREGULAR)
def test_an_irregular_series_is_refused_with_the_reason(
    server: RunningServer, store: Store, name: str
) -> None:
    change, reason = IRREGULAR[name]
    assert reason in refusal(server, store, Series().slices(change))


def test_a_missing_slice_is_refused(server: RunningServer, store: Store) -> None:
    files = Series().slices()
    del files[8]
    assert "slices 8 and 9 of 11 are 5.00 mm apart" in refusal(server, store, files)


def test_only_the_instances_that_are_named_count(server: RunningServer, store: Store) -> None:
    series = Series()
    store.answer = sends(series.slices())
    named = [series.uid(number) for number in range(10)]
    (prediction,) = server.predict(
        "bright-spot", {**store.series(series.path), "instance_uids": named}
    )
    assert prediction["images"] == 10


def test_two_phases_in_one_series_are_refused(server: RunningServer, store: Store) -> None:
    series = Series()
    later = series.slices(lambda ds, index: set_pixels(ds, np.full((SIZE, SIZE), 99)))
    assert "several phases" in refusal(server, store, [*series.slices(), *later])


def test_slices_of_two_sizes_are_refused(server: RunningServer, store: Store) -> None:
    def larger(ds: Dataset, index: int) -> None:
        if index == 2:
            set_pixels(ds, np.zeros((SIZE, SIZE * 2)))

    assert "rows or columns" in refusal(server, store, Series().slices(larger))


def test_two_slices_are_no_volume(server: RunningServer, store: Store) -> None:
    assert "it has 2 slices" in refusal(server, store, Series().slices()[:2])
