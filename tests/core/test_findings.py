"""Findings: the same after any round trip, any order of rows and any repetition."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.cases import CT_IMAGE_STORAGE, KEY, STUDY, reason_codes, stamp

from wetread.core.canonical import canonical_json
from wetread.core.findings import (
    ANALYSIS_MISSING,
    Absence,
    AnalysisFindings,
    AnalysisSource,
    Candidate,
    CandidateKind,
    Finding,
    ImageLabel,
    ImageReference,
    InstanceOutcome,
    Mask,
    Measurement,
    Region,
    StudyFindings,
    analysis_from_json,
    analysis_to_json,
    merge,
)
from wetread.core.outcomes import Outcome

SOURCE = AnalysisSource("google-cloud-vision", "v1", "d" * 64)
SCORES = st.floats(0, 1).map(lambda value: round(value, 4))
LABELS = st.builds(ImageLabel, st.text(max_size=8), SCORES)
REGIONS = st.builds(Region, SCORES, SCORES, SCORES, SCORES)
POINTS = st.tuples(*[st.floats(-500, 500).map(lambda value: round(value, 2))] * 3)
MASKS = st.builds(Mask, st.just((STUDY,)), *[st.integers(0, 9)] * 4, st.just("gA=="))
ABSENCES = st.builds(Absence, st.just("pneumothorax"), SCORES, SCORES)
ROW_REASONS = [*reason_codes(Outcome.ANALYSED), "not-sampled", "pixels-unreadable"]
KNOWN_REASONS = ["not-dicom", "localizer", "store-refused"]


@st.composite
def rows(draw: st.DrawFn, number: int = 1) -> AnalysisFindings:
    """Draw the findings of row ``number``, whose series has one to four instances."""
    series = f"{STUDY}.{number}"
    uids = [f"{series}.{n}" for n in range(1, draw(st.integers(1, 4)) + 1)]
    image = ImageReference(series, uids[0], CT_IMAGE_STORAGE, draw(st.none() | st.just(1)))
    return AnalysisFindings(
        row_id=f"s{number:02d}",
        analysis_id="vision",
        series_instance_uid=series,
        modality="CT",
        source=SOURCE,
        created_at=stamp(draw(st.integers(0, 100))),
        candidates=tuple(
            draw(
                st.lists(
                    st.builds(
                        Candidate,
                        st.sampled_from(CandidateKind),
                        st.text(max_size=8),
                        SCORES,
                        st.just(image),
                        st.none() | REGIONS,
                    ),
                    max_size=3,
                )
            )
        ),
        labels=tuple(draw(st.lists(LABELS, max_size=2))),
        is_specialised=draw(st.booleans()),
        findings=tuple(
            draw(
                st.lists(
                    st.builds(
                        Finding,
                        st.just("pulmonary-nodule"),
                        SCORES,
                        SCORES,
                        st.just(image),
                        st.none() | REGIONS,
                        st.none() | POINTS,
                        st.just((Measurement("diameter", 8.1, "mm"),)) | st.just(()),
                        st.none() | MASKS,
                    ),
                    max_size=2,
                )
            )
        ),
        absences=tuple(draw(st.lists(ABSENCES, max_size=1))),
        outcomes=tuple(
            InstanceOutcome(uid, series, draw(st.sampled_from(ROW_REASONS))) for uid in uids
        ),
        supersedes=draw(st.sampled_from(["", "e" * 64])),
    )


@st.composite
def studies(draw: st.DrawFn) -> tuple[StudyFindings, list[AnalysisFindings]]:
    """Draw what is known before any analysis, and the findings of every planned row."""
    planned = [draw(rows(number)) for number in range(1, draw(st.integers(0, 4)) + 1)]
    known = [
        InstanceOutcome("", "", draw(st.sampled_from(KNOWN_REASONS)))
        for _ in range(draw(st.integers(0, 3)))
    ]
    waiting = [
        InstanceOutcome(o.sop_instance_uid, o.series_instance_uid, ANALYSIS_MISSING)
        for row in planned
        for o in row.outcomes
    ]
    base = StudyFindings(
        study_key=KEY,
        version=1,
        study_instance_uid=STUDY,
        manifest_digest="a",
        settings_digest="b",
        created_at=stamp(-1),
        outcomes=(*known, *waiting),
        missing=tuple(row.name for row in planned),
    )
    return base, planned


@given(rows())
def test_findings_round_trip_through_json(row: AnalysisFindings) -> None:
    stored = analysis_from_json(json.loads(canonical_json(analysis_to_json(row))))
    assert stored == row
    assert stored.digest == row.digest
    assert all(isinstance(c.kind, CandidateKind) for c in stored.candidates)


@given(rows())
def test_findings_stored_before_any_could_be_superseded_supersede_none(
    row: AnalysisFindings,
) -> None:
    stored = analysis_to_json(row)
    del stored["supersedes"]
    assert analysis_from_json(stored) == replace(row, supersedes="")


@given(rows())
def test_any_change_changes_the_digest(row: AnalysisFindings) -> None:
    assert replace(row, created_at=stamp(-5)).digest != row.digest
    assert replace(row, outcomes=row.outcomes[:-1]).digest != row.digest
    assert replace(row, supersedes="f" * 64).digest != row.digest


@given(studies(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    study: tuple[StudyFindings, list[AnalysisFindings]], rng: random.Random
) -> None:
    base, planned = study
    assert merge(base, rng.sample(planned, len(planned))) == merge(base, planned)


@given(studies())
def test_merging_twice_is_merging_once(study: tuple[StudyFindings, list[AnalysisFindings]]) -> None:
    base, planned = study
    merged = merge(base, planned)
    assert merge(merged, planned) == merged
    assert merge(merged, []) == merged
    assert merge(base, [*planned, *planned]) == merged


@given(studies(), st.data())
def test_rows_may_come_one_by_one(
    study: tuple[StudyFindings, list[AnalysisFindings]], data: st.DataObject
) -> None:
    base, planned = study
    cut = data.draw(st.integers(0, len(planned)))
    in_parts = merge(merge(base, planned[cut:]), planned[:cut])
    assert in_parts == merge(base, planned)


@given(studies(), st.data())
def test_the_counts_always_add_up_to_what_arrived(
    study: tuple[StudyFindings, list[AnalysisFindings]], data: st.DataObject
) -> None:
    base, planned = study
    is_done = data.draw(st.lists(st.booleans(), min_size=len(planned), max_size=len(planned)))
    done = [row for row, yes in zip(planned, is_done, strict=True) if yes]
    merged = merge(base, done)
    assert merged.counts.arrived == len(base.outcomes)
    assert [o.sop_instance_uid for o in merged.outcomes] == [
        o.sop_instance_uid for o in base.outcomes
    ]
    of_rows = Counter(o.reason for row in done for o in row.outcomes)
    left = sum(len(row.outcomes) for row in planned if row not in done)
    known = Counter(o.reason for o in base.outcomes if o.reason != ANALYSIS_MISSING)
    assert Counter(o.reason for o in merged.outcomes) == of_rows + known + Counter(
        {ANALYSIS_MISSING: left}
    )
    assert set(merged.missing) == {r.name for r in planned} - {r.name for r in done}
    assert merged.created_at == max([base.created_at, *(row.created_at for row in done)])


@given(studies())
def test_a_study_shows_what_its_rows_show(
    study: tuple[StudyFindings, list[AnalysisFindings]],
) -> None:
    base, planned = study
    merged = merge(base, planned)
    assert merged.findings == tuple(f for row in planned for f in row.findings)
    assert merged.candidates == tuple(c for row in planned for c in row.candidates)
    assert merged.anomalies == tuple(
        c for c in merged.candidates if c.kind is CandidateKind.ANOMALY
    )


def test_an_outcome_that_is_known_is_not_replaced_by_a_row() -> None:
    refused = InstanceOutcome("2.25.7.1.1", "2.25.7.1", "store-refused")
    base = StudyFindings(KEY, 1, STUDY, "a", "b", stamp(0), outcomes=(refused,))
    analysed = replace(refused, reason="analysed")
    row = AnalysisFindings(
        "s01", "vision", "2.25.7.1", "CT", SOURCE, stamp(1), outcomes=(analysed,)
    )
    assert merge(base, [row]).outcomes == (refused,)


def test_the_hundredth_row_follows_the_ninety_ninth() -> None:
    base = StudyFindings(KEY, 1, STUDY, "a", "b", stamp(0))
    made = [
        AnalysisFindings(f"s{n:02d}", "vision", STUDY, "MR", SOURCE, stamp(1))
        for n in range(1, 111)
    ]
    assert list(merge(base, made[::-1]).analyses) == made


@given(st.permutations(["not-sampled", "analysed", "pixels-unreadable"]))
def test_an_image_is_analysed_when_any_analysis_looked_at_it(reasons: list[str]) -> None:
    waiting = InstanceOutcome("2.25.7.1.1", "2.25.7.1", ANALYSIS_MISSING)
    known = StudyFindings(KEY, 1, STUDY, "a", "b", stamp(0), outcomes=(waiting,))
    for number, reason in enumerate(reasons):
        outcome = replace(waiting, reason=reason)
        made = AnalysisFindings(
            "s01", f"model-{number}", "2.25.7.1", "CT", SOURCE, stamp(1), outcomes=(outcome,)
        )
        known = merge(known, [made])
    assert [o.reason for o in known.outcomes] == ["analysed"]


@pytest.mark.parametrize(
    ("region", "centre"),
    [
        (Region(0, 0, 1, 1), (0.5, 0.5)),
        (Region(0.1, 0.2, 0.2, 0.4), (0.2, 0.4)),
        (Region(0.3333, 0, 0.0001, 0), (0.3333, 0)),
    ],
)
def test_the_centre_of_a_region(region: Region, centre: tuple[float, float]) -> None:
    assert region.centre == pytest.approx(centre, abs=1e-4)
