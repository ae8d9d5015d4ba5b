"""Why images of a study were not analysed, counted by reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from wetread.core.findings import StudyFindings
from wetread.core.outcomes import Outcome, reasons


@dataclass(frozen=True)
class ReasonRow:
    """How many instances were not analysed for one reason."""

    count: int
    outcome: Outcome
    text: str


def reason_rows(findings: StudyFindings) -> tuple[ReasonRow, ...]:
    """Return a row for each reason, the most frequent first within an outcome."""
    tally = Counter(outcome.reason for outcome in findings.outcomes)
    rows = (
        ReasonRow(count, reasons()[code].outcome, reasons()[code].text)
        for code, count in tally.items()
        if reasons()[code].outcome is not Outcome.ANALYSED
    )
    order = list(Outcome)
    return tuple(sorted(rows, key=lambda row: (order.index(row.outcome), -row.count, row.text)))
