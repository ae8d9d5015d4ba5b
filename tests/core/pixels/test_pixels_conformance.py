"""The images that come with pydicom and pydicom-data: each has its outcome, and judges agree."""

from __future__ import annotations

import warnings

import pytest
from tests.core.pixels.conformance import ALLOWED, PAGE, Row, page, rows

from wetread.core.outcomes import Outcome, reasons


@pytest.fixture(scope="module")
def found() -> list[Row]:
    """Render every frame of every file; an exception other than PixelError fails all tests."""
    with warnings.catch_warnings(action="ignore"):
        return list(rows())


def test_every_picture_is_what_its_judge_expects(found: list[Row]) -> None:
    far = [row for row in found if row.judge and row.difference > ALLOWED[row.judge] + 1e-6]
    assert far == []
    assert sum(row.judge == "highdicom" for row in found) >= 130


def test_every_image_without_a_picture_has_a_reason_to_have_none(found: list[Row]) -> None:
    outcomes = {row.outcome: reasons()[row.outcome].outcome for row in found if not row.judge}
    assert set(outcomes.values()) == {Outcome.UNSUPPORTED}


def test_the_listing_is_true(found: list[Row]) -> None:
    """``python -m tests.core.pixels.conformance`` writes it again."""
    listed, now = PAGE.read_text("utf-8").splitlines(), page(found).splitlines()
    assert [line.rsplit("|", 2)[0] for line in listed] == [line.rsplit("|", 2)[0] for line in now]
