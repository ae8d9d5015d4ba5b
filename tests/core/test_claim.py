"""Claims count a study's versions and never lose one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.cases import KEY, PATH_ELEMENTS, STUDY, stamp

from wetread.core.claim import Cause, Claim, Priority, claim_from_json
from wetread.core.errors import PermanentError

NEW = Claim(KEY, STUDY)


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    claim = NEW
    for number in range(draw(st.integers(1, 5))):
        claim = claim.open(
            draw(st.sampled_from(Cause)),
            draw(st.sampled_from(Priority)),
            stamp(number),
            draw(st.lists(PATH_ELEMENTS, max_size=3)),
            stored_at=draw(st.none() | st.just(stamp(number))),
            requests=draw(st.lists(st.text(), max_size=2)),
        )
    return claim


@given(claims())
def test_versions_count_from_one_without_a_gap(claim: Claim) -> None:
    numbers = [version.version for version in claim.versions]
    assert numbers == list(range(1, len(numbers) + 1))
    assert claim.latest == claim.versions[-1]
    assert [claim.version(number) for number in numbers] == list(claim.versions)


@given(claims())
def test_claims_round_trip_through_json(claim: Claim) -> None:
    stored = claim_from_json(json.loads(json.dumps(claim.as_json())))
    assert stored == claim
    assert isinstance(stored.versions[0].priority, Priority)
    assert isinstance(stored.versions[0].cause, Cause)


@given(claims(), st.lists(PATH_ELEMENTS, max_size=3))
def test_folders_are_added_to_the_latest_version_alone(claim: Claim, folders: list[str]) -> None:
    joined = claim.with_folders(folders)
    assert joined.versions[:-1] == claim.versions[:-1]
    assert set(joined.versions[-1].folders) == {*claim.versions[-1].folders, *folders}
    assert joined.with_folders(folders) == joined


@given(claims())
def test_the_stores_last_word_changes_nothing_else(claim: Claim) -> None:
    touched = claim.touched(stamp(99))
    assert touched.versions[-1].stored_at == stamp(99)
    assert touched.touched(claim.versions[-1].stored_at or "").versions[:-1] == claim.versions[:-1]
    assert touched.versions[-1].folders == claim.versions[-1].folders


@given(st.lists(PATH_ELEMENTS, max_size=5))
def test_folders_stand_once_and_in_one_order(folders: list[str]) -> None:
    forwards = NEW.open(Cause.ARRIVED, Priority.ROUTINE, stamp(0), folders)
    backwards = NEW.open(Cause.ARRIVED, Priority.ROUTINE, stamp(0), [*reversed(folders), *folders])
    assert forwards == backwards


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_version_that_was_not_opened_is_an_error(number: int) -> None:
    claim = NEW.open(Cause.REQUESTED, Priority.STAT, stamp(0))
    with pytest.raises(PermanentError) as raised:
        claim.version(number)
    assert raised.value.code == "version-not-open"
    assert STUDY not in str(raised.value)


def test_the_most_urgent_priority_comes_first() -> None:
    assert list(Priority) == [Priority.STAT, Priority.URGENT, Priority.ROUTINE]
