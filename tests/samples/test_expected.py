"""What a study is compared with: a missing finding and an extra one both show."""

from __future__ import annotations

import pytest

from samples.study import (
    ExpectedFinding,
    ExpectedModelFinding,
    ExpectedStudy,
    FoundFinding,
    FoundModelFinding,
    outcomes,
)

NODULE = ExpectedFinding("anomaly", (0.25, 0.5), 0.02, range(10, 15))
STUDY = ExpectedStudy("CT", 1, outcomes(analysed=1), findings=(NODULE,))
THERE = FoundFinding("anomaly", (0.26, 0.49), 12)


def test_a_finding_seen_once_or_several_times_matches() -> None:
    assert STUDY.mismatches([THERE]) == ()
    assert STUDY.mismatches([THERE, THERE._replace(instance_number=14)]) == ()


def test_objects_below_the_threshold_do_not_count() -> None:
    assert STUDY.mismatches([THERE, FoundFinding("object", (0.9, 0.9), 1)]) == ()


@pytest.mark.parametrize(
    "elsewhere",
    [
        THERE._replace(instance_number=15),
        THERE._replace(centre=(0.28, 0.5)),
        THERE._replace(centre=(0.25, 0.47)),
    ],
)
def test_another_place_or_slice_is_unexpected(elsewhere: FoundFinding) -> None:
    assert len(STUDY.mismatches([THERE, elsewhere])) == 1
    assert len(STUDY.mismatches([elsewhere])) == 2


def test_a_missing_finding_shows() -> None:
    assert STUDY.mismatches([]) == ("anomaly near (0.25, 0.5) was not found",)


def test_an_outcome_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="lost"):
        outcomes(lost=1)


OF_MODEL = ExpectedModelFinding("pulmonary-nodule", (1.0, 2.0, 3.0), 2.0, diameter_mm=8.0)
WITH_MODELS = ExpectedStudy(
    "CT", 1, outcomes(analysed=1), model_findings=(OF_MODEL,), shadow=("second-opinion",)
)
CLOSE = FoundModelFinding("pulmonary-nodule", (1.0, 2.0, 4.9), 8.9)


def test_a_model_finding_within_the_tolerances_matches() -> None:
    assert WITH_MODELS.model_mismatches([CLOSE]) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        CLOSE._replace(code="pneumothorax"),
        CLOSE._replace(centre=(1.0, 4.0, 4.9)),
        CLOSE._replace(centre=(1.0, 2.0)),
        CLOSE._replace(diameter_mm=9.1),
        CLOSE._replace(diameter_mm=None),
    ],
)
def test_another_code_place_or_size_is_unexpected_and_the_finding_missing(
    wrong: FoundModelFinding,
) -> None:
    assert len(WITH_MODELS.model_mismatches([CLOSE, wrong])) == 1
    assert len(WITH_MODELS.model_mismatches([wrong])) == 2


def test_no_model_finding_is_expected_where_none_is_named() -> None:
    assert len(STUDY.model_mismatches([CLOSE])) == 1


def test_every_kind_of_object_and_absence_is_counted() -> None:
    told = ExpectedStudy("DX", 1, outcomes(analysed=1), objects={"SR": 2}, absent=("Pneumothorax",))
    assert told.result_mismatches({"SR": 2}, ["Pneumothorax"]) == ()
    assert told.result_mismatches({"SR": 1, "SEG": 1}, ["Nodule"]) == (
        "1 SEG are stored, expected 0",
        "1 SR are stored, expected 2",
        "Pneumothorax is not said to be absent",
        "Nodule is said to be absent",
    )


def test_a_shadow_analysis_is_stored_and_not_shown() -> None:
    assert WITH_MODELS.shadow_mismatches(stored=["second-opinion"], shown=["vision"]) == ()
    assert WITH_MODELS.shadow_mismatches(stored=[], shown=["second-opinion"]) == (
        "no output of second-opinion was stored",
        "the output of second-opinion is shown",
    )
