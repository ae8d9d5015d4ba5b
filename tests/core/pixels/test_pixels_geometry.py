"""Frames come in the order of the patient's geometry, from metadata as DICOMweb returns it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.pixels.series import AXIAL, CORONAL, TAGS, axial, instance, metadata

from wetread.core.errors import RetriableError
from wetread.core.pixels.geometry import FRAMES_LIMIT, order_frames


def numbers(series: list[dict[str, Any]]) -> list[int | None]:
    return [frame.instance_number for frame in order_frames(series)]


def test_position_outranks_the_instance_number() -> None:
    assert numbers([axial(1, 30), axial(2, 10), axial(3, 20)]) == [2, 3, 1]


def test_the_normal_decides_which_coordinate_counts() -> None:
    def coronal(number: int, y_mm: float) -> dict[str, Any]:
        position = [0.0, y_mm, -5.0 * y_mm]
        return instance(number, ImagePositionPatient=position, ImageOrientationPatient=CORONAL)

    assert numbers([coronal(1, 30), coronal(2, 10), coronal(3, 20)]) == [2, 3, 1]


@pytest.mark.parametrize(
    "odd",
    [
        instance(2, ImagePositionPatient=[0, 0, 5], ImageOrientationPatient=CORONAL),
        instance(2, ImageOrientationPatient=AXIAL),
        instance(2, ImagePositionPatient=[0, 0, 5]),
        instance(2, ImagePositionPatient=[0, 0, 5], ImageOrientationPatient=[1, 0, 0, 1, 0, 0]),
        instance(2, ImagePositionPatient=[0, 0], ImageOrientationPatient=AXIAL),
        instance(2, ImagePositionPatient=[0, 0, "NaN"], ImageOrientationPatient=AXIAL),
        instance(2, ImagePositionPatient=[0, 0, {}], ImageOrientationPatient=AXIAL),
    ],
    ids=["other-plane", "no-position", "no-orientation", "no-plane", "short", "nan", "object"],
)
def test_without_one_orientation_acquisition_order_holds(odd: dict[str, Any]) -> None:
    assert numbers([axial(3, 0), odd, axial(1, 99)]) == [1, 2, 3]


def test_acquisition_comes_before_instance_number() -> None:
    series = [
        instance(1, AcquisitionNumber=2),
        instance(2, AcquisitionNumber=1),
        instance(3),
    ]
    assert numbers(series) == [2, 1, 3]


def test_slices_at_one_place_keep_the_order_of_their_acquisition() -> None:
    series = [axial(3, 10.0001), axial(1, 10.0), axial(2, 10.0002)]
    assert numbers(series) == [1, 2, 3]


def test_numbers_may_come_as_text() -> None:
    series = [axial(1, 0), axial(2, 0)]
    series[0][TAGS["ImagePositionPatient"]]["Value"] = ["0", "0", "7.5"]
    assert numbers(series) == [2, 1]


@settings(deadline=None)
@given(
    z_mm=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=12, unique=True),
    normal=st.sampled_from([AXIAL, CORONAL, [0, 1, 0, 0, 0, -1], [0.6, 0.8, 0, 0, 0, -1]]),
    data=st.data(),
)
def test_the_order_is_one_for_every_order_of_arrival(
    z_mm: list[float], normal: list[float], data: st.DataObject
) -> None:
    across = np.cross(normal[:3], normal[3:])
    series = [
        instance(
            number,
            ImagePositionPatient=(across * z).tolist(),
            ImageOrientationPatient=normal,
        )
        for number, z in enumerate(z_mm, 1)
    ]
    frames = order_frames(data.draw(st.permutations(series)))
    assert frames == order_frames(series)
    places = [z_mm[frame.instance_number - 1] for frame in frames if frame.instance_number]
    assert all(low <= high + 0.001 for low, high in pairwise(places))
    assert len(frames) == len(series)


class TestMultiFrame:
    def enhanced(self, places_mm: list[float], *, shared_plane: bool) -> dict[str, Any]:
        orientation = metadata(ImageOrientationPatient=AXIAL)
        groups = []
        for place in places_mm:
            position = metadata(ImagePositionPatient=[0, 0, place])
            plane = {} if shared_plane else {"PlaneOrientationSequence": orientation}
            groups.append(metadata(PlanePositionSequence=position, **plane))
        shared = metadata(PlaneOrientationSequence=orientation) if shared_plane else {}
        return instance(
            1,
            NumberOfFrames=len(places_mm),
            PerFrameFunctionalGroupsSequence=groups,
            SharedFunctionalGroupsSequence=[shared],
        )

    @pytest.mark.parametrize("shared_plane", [True, False])
    def test_frames_are_ordered_by_their_own_planes(self, shared_plane: bool) -> None:
        frames = order_frames([self.enhanced([20, 0, 10], shared_plane=shared_plane)])
        assert [frame.frame_number for frame in frames] == [2, 3, 1]
        assert {frame.sop_instance_uid for frame in frames} == {"1.2.1"}

    def test_without_planes_frames_keep_their_numbers(self) -> None:
        frames = order_frames([instance(2, NumberOfFrames=2), instance(1, NumberOfFrames="3")])
        assert [(frame.instance_number, frame.frame_number) for frame in frames] == [
            (1, 1),
            (1, 2),
            (1, 3),
            (2, 1),
            (2, 2),
        ]

    @pytest.mark.parametrize("claimed", [0, -7, "many", None, {}])
    def test_a_senseless_number_of_frames_is_one(self, claimed: object) -> None:
        assert len(order_frames([instance(1, NumberOfFrames=claimed)])) == 1

    def test_a_claim_of_billions_is_bounded(self) -> None:
        assert len(order_frames([instance(1, NumberOfFrames=2**31 - 1)])) == FRAMES_LIMIT


def test_one_instance_told_twice_counts_once() -> None:
    assert numbers([axial(1, 0), axial(1, 0), axial(2, 5)]) == [1, 2]


def test_no_instances_no_frames() -> None:
    assert order_frames([]) == ()


@pytest.mark.parametrize("missing", ["SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
def test_an_instance_without_its_uids_is_a_malformed_answer(missing: str) -> None:
    broken = instance(1)
    del broken[TAGS[missing]]
    with pytest.raises(RetriableError) as caught:
        order_frames([broken])
    assert caught.value.code == "answer-malformed"
