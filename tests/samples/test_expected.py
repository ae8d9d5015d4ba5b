"""What a study is compared with: a missing finding and an extra one both show."""

from __future__ import annotations

import pytest

from samples.study import ExpectedFinding, ExpectedStudy, FoundFinding, outcomes

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
