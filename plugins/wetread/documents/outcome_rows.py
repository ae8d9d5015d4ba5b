"""Why images of a study were not analysed, counted by reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wetread.core.findings import StudyFindings
from wetread.core.outcomes import Outcome, reasons

_SERIES_NAMED: Final = 6


@dataclass(frozen=True)
class ReasonRow:
    """How many instances were not analysed for one reason, and in which series, in words."""

    count: int
    outcome: Outcome
    text: str
    series: str


def reason_rows(
    findings: StudyFindings, series_numbers: Mapping[str, int | None]
) -> tuple[ReasonRow, ...]:
    """Return a row for each reason, the most frequent first within an outcome.

    Parameters
    ----------
    series_numbers : of the stored series, by SeriesInstanceUID; files that were refused have none
    """
    tally = Counter(outcome.reason for outcome in findings.outcomes)
    numbers: dict[str, set[int]] = defaultdict(set)
    for outcome in findings.outcomes:
        number = series_numbers.get(outcome.series_instance_uid)
        if number is not None:
            numbers[outcome.reason].add(number)
    rows = (
        ReasonRow(count, reasons()[code].outcome, reasons()[code].text, _named(numbers[code]))
        for code, count in tally.items()
        if reasons()[code].outcome is not Outcome.ANALYSED
    )
    order = list(Outcome)
    return tuple(sorted(rows, key=lambda row: (order.index(row.outcome), -row.count, row.text)))


def _named(numbers: Iterable[int]) -> str:
    ordered = sorted(numbers)
    named = ", ".join(map(str, ordered[:_SERIES_NAMED]))
    more = f" and {len(ordered) - _SERIES_NAMED} more" if len(ordered) > _SERIES_NAMED else ""
    return f"series {named}{more}" if named else ""
