"""The plan: every instance is in one row, or outside with a reason."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.core.cases import KEY, STUDY, arrivals, header, headers, source
from tests.core.routing.cases import DEMO, ROW

from wetread.core.arrivals import Arrival
from wetread.core.findings import ANALYSIS_MISSING, AnalysisName
from wetread.core.headers import Header
from wetread.core.manifest import Manifest, judge_arrivals
from wetread.core.plan import NO_ANALYSIS, STORE_REFUSED, findings_before_analysis, make_plan
from wetread.core.settings import Settings


def sealed(arrived: list[Arrival], stored: tuple[Header, ...] = ()) -> Manifest:
    judged = judge_arrivals(arrived, stored)
    return Manifest(KEY, 1, STUDY, "2026-11-22T08:00:00Z", judged, stored)


def sealed_with(*images: Header) -> Manifest:
    return sealed([Arrival(source(f"ward/{n}"), image) for n, image in enumerate(images)])


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    stored = draw(st.lists(headers(), max_size=3, unique_by=lambda h: h.sop_instance_uid))
    return sealed(draw(arrivals(studies=(STUDY,))), tuple(stored))


@st.composite
def manifests_and_refusals(draw: st.DrawFn) -> tuple[Manifest, frozenset[str]]:
    manifest = draw(manifests())
    uids = sorted(h.sop_instance_uid for h in manifest.instances)
    refused = draw(st.sets(st.sampled_from(uids))) if uids else set()
    return manifest, frozenset(refused)


@given(manifests_and_refusals())
def test_every_instance_is_in_one_row_or_skipped(case: tuple[Manifest, frozenset[str]]) -> None:
    manifest, refused = case
    plan = make_plan(manifest, refused)
    planned = [uid for row in plan.rows for uid in row.sop_instance_uids]
    skipped = [outcome.sop_instance_uid for outcome in plan.skipped]
    assert Counter(planned + skipped) == Counter(h.sop_instance_uid for h in manifest.instances)
    assert {o.sop_instance_uid for o in plan.skipped if o.reason == STORE_REFUSED} == refused


@given(manifests_and_refusals())
def test_the_first_findings_count_all_that_arrived(case: tuple[Manifest, frozenset[str]]) -> None:
    manifest, refused = case
    plan = make_plan(manifest, refused)
    before = findings_before_analysis(manifest, plan, "d")
    known_already = {h.sop_instance_uid for h in manifest.stored} - {
        h.sop_instance_uid for _, h in manifest.accepted
    }
    assert before.counts.arrived == len(manifest.arrivals) + len(known_already)
    waiting = {o.sop_instance_uid for o in before.outcomes if o.reason == ANALYSIS_MISSING}
    assert waiting == {uid for row in plan.rows for uid in row.sop_instance_uids}
    assert [name.row_id for name in before.missing] == [row.row_id for row in plan.rows]
    assert before.created_at == manifest.sealed_at
    assert before.counts.analysed == 0


@given(manifests(), st.randoms(use_true_random=False))
def test_the_same_content_gives_the_same_plan(manifest: Manifest, rng: random.Random) -> None:
    shuffled = tuple(rng.sample(manifest.arrivals, len(manifest.arrivals)))
    assert make_plan(replace(manifest, arrivals=shuffled)) == make_plan(manifest)


@given(manifests())
def test_a_row_is_one_series_with_an_id_of_its_own(manifest: Manifest) -> None:
    plan = make_plan(manifest)
    series = {h.sop_instance_uid: h.series_instance_uid for h in manifest.instances}
    for row in plan.rows:
        assert {series[uid] for uid in row.sop_instance_uids} == {row.series_instance_uid}
        assert plan.row(row.row_id) is row
    assert len({row.row_id for row in plan.rows}) == len(plan.rows)
    assert len({row.series_instance_uid for row in plan.rows}) == len(plan.rows)


def test_series_stand_in_the_order_of_their_numbers_and_unnumbered_ones_last() -> None:
    numbers = {10: 3, 2: 7, 1: None}
    images = [replace(header(series=s), series_number=n) for s, n in numbers.items()]
    rows = make_plan(sealed_with(*images)).rows
    assert [row.series_instance_uid for row in rows] == [f"{STUDY}.{s}" for s in (10, 2, 1)]
    assert [row.row_id for row in rows] == ["s01", "s02", "s03"]


def test_reasons_follow_the_policy() -> None:
    image, report = header(instance=1), replace(header(instance=2), has_pixel_data=False)
    localizer = replace(header(instance=3), image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    plan = make_plan(sealed_with(image, report, localizer))
    assert [row.sop_instance_uids for row in plan.rows] == [(image.sop_instance_uid,)]
    assert {o.sop_instance_uid: o.reason for o in plan.skipped} == {
        report.sop_instance_uid: "no-pixel-data",
        localizer.sop_instance_uid: "localizer",
    }


def test_the_label_counts_frames_and_names_nobody() -> None:
    one = make_plan(sealed_with(header())).rows[0]
    assert one.label == "CT series 1 of 1, 1 image, 1 to look at, 2 Vision units"
    named = replace(header(), modality="DOE^JANE", number_of_frames=40)
    (row,) = make_plan(sealed_with(named)).rows
    assert row.label == "unknown series 1 of 1, 40 images, 16 to look at, 32 Vision units"
    assert STUDY not in row.label


def with_table(manifest: Manifest, changes: dict[str, Any]) -> Manifest:
    """Seal the manifest with all shipped analyses on, and changes to them."""
    rows = {name: change and {**DEMO.get(name, {}), **change} for name, change in changes.items()}
    return replace(manifest, analysis=Settings(analyses=DEMO | rows).analysis)


def chest(series: int = 1, instance: int = 1) -> Header:
    image = header(series=series, instance=instance)
    return replace(image, body_part="CHEST", attributes=(("SliceThickness", "1.25"),))


def test_a_row_has_every_analysis_that_takes_the_series() -> None:
    images = sealed_with(*(chest(instance=n) for n in range(1, 61)))
    (row,) = make_plan(with_table(images, {})).rows
    assert row.analyses == ("vision", "phantom-nodule", "burned-in-text")
    assert row.label == (
        "CT series 1 of 1, 60 images, 16 to look at, 32 Vision units, phantom-nodule"
    )
    assert (row.expected_images, row.expected_vision_units) == (16, 32)


def test_only_vision_has_vision_units_and_its_own_sampling_counts() -> None:
    images = sealed_with(*(chest(instance=n) for n in range(1, 61)))
    sampled = make_plan(with_table(images, {"burned-in-text": {"sampling": "every:2"}}))
    assert (sampled.rows[0].expected_images, sampled.expected_vision_units) == (30, 32)
    blind = make_plan(with_table(images, {"vision": None, "burned-in-text": None}))
    assert blind.expected_vision_units == 0
    assert blind.rows[0].label == "CT series 1 of 1, 60 images, phantom-nodule"


def test_a_series_that_no_analysis_takes_is_named() -> None:
    manifest = sealed_with(chest(1), header(series=2), header(series=2, instance=2), chest(3))
    plan = make_plan(with_table(manifest, {"vision": None, "burned-in-text": None}))
    assert [row.row_id for row in plan.rows] == ["s01", "s03"]
    assert [one.label for one in plan.unmatched] == ["CT series 2 of 3, 2 images"]
    assert [outcome.reason for outcome in plan.skipped] == [NO_ANALYSIS] * 2


def test_what_only_a_shadow_sees_is_looked_at_and_counts_as_not_analysed() -> None:
    manifest = with_table(sealed_with(header()), {"vision": None})
    plan = make_plan(manifest)
    assert [row.analyses for row in plan.rows] == [("burned-in-text",)]
    assert plan.unmatched == ()
    before = findings_before_analysis(manifest, plan, "d")
    assert [outcome.reason for outcome in before.outcomes] == [NO_ANALYSIS]
    assert before.missing == ()


def test_an_analysis_of_the_study_has_a_row_over_all_series_that_it_takes() -> None:
    manifest = sealed_with(chest(2), chest(1), header(series=3), chest(1, 2))
    whole = {**ROW, "scope": "study", "body_part": ["CHEST"]}
    plan = make_plan(with_table(manifest, {"lung": whole}))
    assert [row.row_id for row in plan.rows] == ["s01", "s02", "s03", "w01"]
    row = plan.row("w01")
    assert row.analyses == ("lung",)
    assert row.series_instance_uids == (f"{STUDY}.1", f"{STUDY}.2")
    assert row.label == "2 of 3 series, 3 images, lung"
    before = findings_before_analysis(manifest, plan, "d")
    assert len(before.outcomes) == 4
    assert AnalysisName("w01", "lung") in before.missing
    assert not any(name.analysis_id == "burned-in-text" for name in before.missing)


def test_digests_follow_the_rows_that_a_plan_uses_and_no_others() -> None:
    manifest = sealed_with(header())
    plan = make_plan(with_table(manifest, {}))
    elsewhere = make_plan(with_table(manifest, {"phantom-nodule": {"timeout_seconds": 9}}))
    assert elsewhere == plan
    used = make_plan(with_table(manifest, {"vision": {"sampling": "all"}}))
    assert used.digest != plan.digest
    assert used.digest_of("vision") != plan.digest_of("vision")
    assert used.digest_of("burned-in-text") == plan.digest_of("burned-in-text")
    shadow = make_plan(with_table(manifest, {"burned-in-text": {"timeout_seconds": 9}}))
    assert shadow.digest == plan.digest
    assert shadow.digest_of("burned-in-text") != plan.digest_of("burned-in-text")
    other = replace(manifest, analysis=Settings(anomaly_threshold=0.9, analyses=DEMO).analysis)
    assert make_plan(other).digest != plan.digest
    assert make_plan(other).digest_of("vision") != plan.digest_of("vision")


def test_an_empty_study_is_an_empty_plan() -> None:
    plan = make_plan(sealed([]))
    before = findings_before_analysis(sealed([]), plan, "d")
    assert (plan.rows, plan.skipped, plan.unmatched, plan.analyses) == ((), (), (), {})
    assert before.counts.arrived == 0
    assert before.missing == ()
