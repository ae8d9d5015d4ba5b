"""Which frames stand for a series."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.pixels.series import axial, instance

from wetread.core.pixels.sampling import Sampling, sample_evenly, select_frames

COUNTS = st.integers(0, 5000)
LIMITS = st.integers(1, 300)


@settings(deadline=None)
@given(n=COUNTS, limit=LIMITS)
def test_a_sample_is_rising_within_bounds_and_as_large_as_allowed(n: int, limit: int) -> None:
    chosen = sample_evenly(n, limit)
    assert len(chosen) == min(n, limit)
    assert all(low < high for low, high in pairwise(chosen))
    assert all(0 <= index < n for index in chosen)


@settings(deadline=None)
@given(n=st.integers(2, 5000), limit=st.integers(2, 300))
def test_a_sample_holds_both_ends_and_is_even(n: int, limit: int) -> None:
    chosen = sample_evenly(n, limit)
    assert (chosen[0], chosen[-1]) == (0, n - 1)
    steps = [high - low for low, high in pairwise(chosen)]
    assert max(steps) - min(steps) <= 1


@settings(deadline=None)
@given(n=st.integers(1, 5000), limit=LIMITS)
def test_a_sample_is_nearly_the_same_from_either_end(n: int, limit: int) -> None:
    chosen = sample_evenly(n, limit)
    mirrored = [n - 1 - index for index in reversed(chosen)]
    assert all(abs(a - b) <= 1 for a, b in zip(chosen, mirrored, strict=True))


def test_one_of_many_is_the_middle() -> None:
    assert sample_evenly(60, 1) == (30,)


def test_a_limit_below_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="limit"):
        sample_evenly(5, 0)


def modality(name: str) -> dict[str, object]:
    return {"Modality": name}


def test_a_long_ct_is_sampled_along_its_geometry() -> None:
    series = [axial(number, -number * 5.0, **modality("CT")) for number in range(1, 61)]
    frames = select_frames(series, Sampling(16))
    chosen = [frame.instance_number for frame in frames]
    assert len(chosen) == 16
    assert chosen[0] == 60
    assert chosen[-1] == 1
    assert chosen == sorted(chosen, key=lambda number: -(number or 0))


def test_every_radiograph_is_looked_at() -> None:
    series = [instance(number, **modality("DX")) for number in range(1, 41)]
    assert len(select_frames(series, Sampling(16))) == 40


def test_a_modality_nobody_thought_of_is_sampled_like_a_ct() -> None:
    series = [instance(number, **modality("ZZ")) for number in range(1, 41)]
    assert len(select_frames(series, Sampling(16))) == 16


class TestClips:
    def clip(self, **attributes: object) -> dict[str, object]:
        return instance(1, NumberOfFrames=90, **modality("US"), **attributes)

    def chosen(self, clip: dict[str, object]) -> list[int]:
        frames = select_frames([clip], Sampling(16))
        return [frame.frame_number for frame in frames]

    def test_without_key_frames_a_few_even_ones(self) -> None:
        assert self.chosen(self.clip()) == [1, 31, 60, 90]

    def test_declared_key_frames_are_taken(self) -> None:
        clip = self.clip()
        clip["00286010"] = {"vr": "US", "Value": [40]}
        clip["00286020"] = {"vr": "US", "Value": [12, 77, 500]}
        assert self.chosen(clip) == [12, 40, 77]

    def test_each_clip_of_a_series_has_its_own(self) -> None:
        clips = [instance(number, NumberOfFrames=30, **modality("US")) for number in (1, 2, 3)]
        frames = select_frames([*clips, instance(4, **modality("US"))], Sampling(1))
        counted = [frame.instance_number for frame in frames]
        assert counted == [1] * 4 + [2] * 4 + [3] * 4 + [4]
