"""The rules of the contract tests, as pytest collects them."""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

_MARK = "rule"


@dataclass
class Rules:
    """Each rule's id with its source, and with the tests that prove it."""

    sources: dict[str, str] = field(default_factory=dict)
    tests: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    problems: list[str] = field(default_factory=list)

    def add(self, test: str, arguments: tuple[object, ...]) -> None:
        """Take one mark; parametrisations of a test are one test."""
        match arguments:
            case (str(rule), str(source)) if rule.count(".") and source:
                known = self.sources.setdefault(rule, source)
                self.tests[rule].add(test)
                if known != source:
                    self.problems.append(f"{rule} has two sources: {known} and {source} ({test})")
            case _:
                self.problems.append(f"{test}: rule{arguments!r} is not an id and a source")

    def areas(self) -> dict[str, list[str]]:
        """Return the ids of each area, which is the part before the first dot; both in order."""
        areas = defaultdict(list)
        for rule in sorted(self.sources):
            areas[rule.partition(".")[0]].append(rule)
        return dict(sorted(areas.items()))


def collect(paths: Iterable[str]) -> Rules:
    """Collect the tests below some paths and return their rules.

    Raises
    ------
    RuntimeError
        When a test file cannot be imported: its rules would be missing without a word.
    """
    collector = _Collector()
    # pytest prints what it collects; a caller who reads our output wants only the rules.
    with contextlib.redirect_stdout(io.StringIO()):
        outcome = pytest.main(
            ["--collect-only", "--quiet", "-p", "no:cacheprovider", *paths], plugins=[collector]
        )
    if outcome not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError("\n".join(["pytest could not collect the tests", *collector.errors]))
    return collector.rules


class _Collector:
    def __init__(self) -> None:
        self.rules = Rules()
        self.errors: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(report.longreprtext)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            test = item.nodeid.partition("[")[0]
            for mark in _marks(item):
                self.rules.add(test, mark.args)


def _marks(item: pytest.Item) -> Iterator[pytest.Mark]:
    return item.iter_markers(_MARK)
