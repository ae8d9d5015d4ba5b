"""Outcomes: every reason has one, has words, and is one that something can come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wetread
from wetread.core.outcomes import Outcome, OutcomeCounts, count_outcomes, reasons

PACKAGE = Path(wetread.__file__).parent
CODES = st.sampled_from(sorted(reasons()))


@given(st.lists(CODES))
def test_the_four_counts_add_up(codes: list[str]) -> None:
    counts = count_outcomes(codes)
    assert counts.arrived == sum(counts.as_dict().values()) == len(codes)
    for outcome in Outcome:
        expected = [code for code in codes if reasons()[code].outcome is outcome]
        assert counts.as_dict()[outcome.value] == len(expected)


@given(st.lists(CODES), st.lists(CODES))
def test_counts_of_parts_are_counts_of_the_whole(first: list[str], second: list[str]) -> None:
    parts = [count_outcomes(first).as_dict(), count_outcomes(second).as_dict()]
    whole = {name: parts[0][name] + parts[1][name] for name in parts[0]}
    assert count_outcomes([*first, *second]) == OutcomeCounts(**whole)


def test_a_reason_that_is_not_in_the_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        count_outcomes(["analysed", "lost"])


@pytest.mark.parametrize("code", reasons())
def test_a_reason_is_said_in_words(code: str) -> None:
    reason = reasons()[code]
    assert reason.code == code
    assert reason.text.endswith(".")
    assert reason.text[0].isupper()


@pytest.mark.parametrize("code", reasons())
def test_a_reason_is_one_that_something_comes_to(code: str) -> None:
    tables = [p for p in PACKAGE.rglob("*.toml") if p.name != "outcomes.toml"]
    sources = [*PACKAGE.rglob("*.py"), *tables]
    assert any(f'"{code}"' in path.read_text("utf-8") for path in sources)
