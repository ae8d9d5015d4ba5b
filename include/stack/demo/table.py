"""The demo's result as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from samples.study import OUTCOMES
from stack.demo.outcome import StudyOutcome

_HEADINGS = (
    "study",
    "study key",
    "modality",
    *OUTCOMES,
    "findings expected",
    "found",
    "report",
    "alert",
    "seconds",
    "",
)
_NUMERIC = frozenset({*OUTCOMES, "findings expected", "found", "seconds"})


def render(outcomes: Sequence[StudyOutcome]) -> str:
    """Return the table, numbers right-aligned, and below it what is wrong, one line each."""
    rows = [_HEADINGS, *(_cells(outcome) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join([*lines, *_problems(outcomes)])


def _cells(outcome: StudyOutcome) -> tuple[str, ...]:
    seconds = outcome.complete_to_report_seconds
    return (
        outcome.name,
        outcome.study_key or "-",
        outcome.modality or "-",
        *(str(outcome.instances[name]) for name in OUTCOMES),
        str(outcome.findings_expected),
        str(outcome.findings_found),
        outcome.report_status,
        "yes" if outcome.alert else "no",
        "-" if seconds is None else f"{seconds:.1f}",
        "wrong" if outcome.mismatches else "as expected",
    )


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    padded = (
        cell.rjust(width) if heading in _NUMERIC else cell.ljust(width)
        for heading, cell, width in zip(_HEADINGS, cells, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def _problems(outcomes: Iterable[StudyOutcome]) -> list[str]:
    lines = [f"{outcome.name}: {text}" for outcome in outcomes for text in outcome.mismatches]
    return ["", *lines] if lines else []
