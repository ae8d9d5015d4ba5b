"""Which frames stand for a series."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.pixels.series import axial, instance

from wetread.core.pixels.sampling import (
    Sampling,
    expected_frames,
    sample_evenly,
    sampling_of,
    select_frames,
)
from wetread.core.pixels.sampling_rules import SamplingRule, parse_overrides, parse_sampling
from wetread.core.settings import Settings

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

    def test_more_declared_key_frames_than_allowed_are_thinned_evenly(self) -> None:
        clip = self.clip()
        clip["00286020"] = {"vr": "US", "Value": [10, 20, 30, 40, 50, 60, 70]}
        assert self.chosen(clip) == [10, 30, 50, 70]

    def test_mask_frames_of_a_subtraction_are_left_out(self) -> None:
        run = instance(1, NumberOfFrames=20, **modality("XA"))
        mask = {"00286110": {"vr": "US", "Value": [1, 2]}}
        run["00286100"] = {"vr": "SQ", "Value": [mask]}
        assert self.chosen(run) == [3, 9, 14, 20]

    def test_a_run_of_nothing_but_mask_frames_is_looked_at_all_the_same(self) -> None:
        run = instance(1, NumberOfFrames=6, **modality("XA"))
        mask = {"00286110": {"vr": "US", "Value": [1, 2, 3, 4, 5, 6]}}
        run["00286100"] = {"vr": "SQ", "Value": [mask]}
        assert len(self.chosen(run)) == 4

    def test_each_clip_of_a_series_has_its_own(self) -> None:
        clips = [instance(number, NumberOfFrames=30, **modality("US")) for number in (1, 2, 3)]
        frames = select_frames([*clips, instance(4, **modality("US"))], Sampling(1))
        counted = [frame.instance_number for frame in frames]
        assert counted == [1] * 4 + [2] * 4 + [3] * 4 + [4]


class TestSlides:
    def pyramid(self, *tiles: int) -> list[dict[str, object]]:
        """Return levels of so many tiles, the finest first."""
        return [
            {
                **instance(number, NumberOfFrames=count, **modality("SM")),
                "00480006": {"vr": "UL", "Value": [count * 256]},
            }
            for number, count in enumerate(tiles, start=1)
        ]

    def chosen(self, levels: list[dict[str, object]]) -> list[tuple[int | None, int]]:
        frames = select_frames(levels, Sampling(16))
        return [(frame.instance_number, frame.frame_number) for frame in frames]

    def test_the_finest_level_within_the_budget_is_looked_at_whole(self) -> None:
        assert self.chosen(self.pyramid(64, 16, 4)) == [(2, n) for n in range(1, 17)]
        assert self.chosen(self.pyramid(16, 4, 1)) == [(1, n) for n in range(1, 17)]

    def test_where_no_level_fits_the_coarsest_is_sampled(self) -> None:
        chosen = self.chosen(self.pyramid(900, 100, 31))
        assert [number for number, _ in chosen] == [3] * 16
        assert (chosen[0], chosen[-1]) == ((3, 1), (3, 31))

    def test_a_level_in_several_instances_is_one(self) -> None:
        levels = self.pyramid(64, 9, 4)
        levels.append({**levels[1], "00080018": {"vr": "UI", "Value": ["1.2.99"]}})
        assert {number for number, _ in self.chosen(levels)} == {3}

    def test_the_other_levels_have_a_reason_of_their_own(self) -> None:
        assert Sampling(16).reason_left_out("SM") == "pyramid-level"
        assert Sampling(16).reason_left_out("CT") == "not-sampled"


def test_the_rule_of_an_analysis_goes_before_those_of_the_installation() -> None:
    installed = Settings(sampling="CT=every:4")
    assert sampling_of(installed).rule("CT") == SamplingRule("every", 4)
    assert sampling_of(installed, "all").rule("CT") == SamplingRule("all")
    assert expected_frames("CT", [1] * 60, sampling_of(installed, "every:2")) == 30


class TestRules:
    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("all", SamplingRule("all")),
            ("every:4", SamplingRule("every", 4)),
            ("even", SamplingRule("even")),
            ("even:32", SamplingRule("even", 32)),
            ("key:1", SamplingRule("key", 1)),
            ("tiles", SamplingRule("tiles")),
            ("tiles:9", SamplingRule("tiles", 9)),
        ],
    )
    def test_a_rule_is_read(self, text: str, rule: SamplingRule) -> None:
        assert parse_sampling(text) == rule

    @pytest.mark.parametrize(
        "text",
        ["", "all:2", "every", "key", "even:0", "even:-1", "even:", "some:2", "EVEN", "all "],
    )
    def test_anything_else_is_an_error(self, text: str) -> None:
        with pytest.raises(ValueError, match="no sampling rule"):
            parse_sampling(text)

    def test_an_installation_replaces_rules_by_modality(self) -> None:
        sampling = sampling_of(
            Settings(sampling="CT=every:4 US=key:8", sampled_frames_per_series=3)
        )
        series = [axial(number, number * 5.0, **modality("CT")) for number in range(1, 11)]
        chosen = [frame.instance_number for frame in select_frames(series, sampling)]
        assert chosen == [1, 5, 9]
        assert sampling.rule("MR") == SamplingRule("even")
        assert sampling.limit("MR") == 3
        assert sampling.limit("US") == 8

    def test_all_means_all(self) -> None:
        series = [axial(number, number * 5.0, **modality("MR")) for number in range(1, 101)]
        sampling = Sampling(16, parse_overrides("MR=all"))
        assert len(select_frames(series, sampling)) == 100


@settings(deadline=None)
@given(
    frames=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    rule=st.sampled_from(["all", "every:3", "even", "even:7", "key:4", "tiles", "tiles:5"]),
    budget=st.integers(1, 20),
    declared=st.lists(st.integers(1, 40), max_size=3),
)
def test_no_more_frames_are_looked_at_than_was_said_before(
    frames: list[int], rule: str, budget: int, declared: list[int]
) -> None:
    sampling = Sampling(budget, parse_overrides(f"US={rule}"))
    series = [
        {
            **instance(number, NumberOfFrames=count, **modality("US")),
            "00286020": {"vr": "US", "Value": declared},
            "00480006": {"vr": "UL", "Value": [count]},
        }
        for number, count in enumerate(frames, start=1)
    ]
    chosen = select_frames(series, sampling)
    assert len(set(chosen)) == len(chosen)
    assert 1 <= len(chosen) <= expected_frames("US", frames, sampling)
    if not declared and not rule.startswith("tiles"):
        assert len(chosen) == expected_frames("US", frames, sampling)
