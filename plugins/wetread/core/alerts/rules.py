"""What counts as critical, read from ``alerts.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wetread.core.findings import AnalysisSource, Candidate, CandidateKind, Finding
from wetread.core.terminology import terminology

ANY_SOURCE = "*"
_KINDS = frozenset({Finding.kind, *CandidateKind})


@dataclass(frozen=True)
class Category:
    """How urgent an alert is: an ACR category from 1 (most urgent) to 3."""

    number: int
    meaning: str
    due_seconds: int


@dataclass(frozen=True)
class Rule:
    """A kind of finding that raises an alert; one row of ``alerts.toml``."""

    finding_code: str
    kind: str
    source: str
    labels: frozenset[str]
    minimal_score: float
    category: Category

    def concerns(self, seen: Finding | Candidate, source: AnalysisSource) -> bool:
        return (
            seen.kind == self.kind
            and self.source in (ANY_SOURCE, source.name)
            and self._names(seen)
            and seen.score >= self.minimal_score
        )

    def _names(self, seen: Finding | Candidate) -> bool:
        if isinstance(seen, Finding):
            return seen.code == self.finding_code
        return not self.labels or seen.label.lower() in self.labels


@cache
def alert_rules() -> tuple[Rule, ...]:
    """Return the rules that ship with Wetread."""
    return read_rules(_shipped_table())


@cache
def review_due_seconds() -> int:
    """Return how soon somebody must have looked at a result that raises no alert."""
    due_seconds = tomllib.loads(_shipped_table())["review"]["due_seconds"]
    if not isinstance(due_seconds, int) or due_seconds <= 0:
        raise ValueError("the due_seconds of a review must be positive")
    return due_seconds


def most_urgent(
    seen: Finding | Candidate, source: AnalysisSource, rules: Sequence[Rule] | None = None
) -> Rule | None:
    """Return the most urgent of the rules that something meets, if any.

    ``rules`` are those of ``alerts.toml`` unless others are given, the most urgent first.
    """
    known = alert_rules() if rules is None else rules
    return next((rule for rule in known if rule.concerns(seen, source)), None)


def _shipped_table() -> str:
    return files("wetread.core.alerts").joinpath("alerts.toml").read_text(encoding="utf-8")


def read_rules(text: str) -> tuple[Rule, ...]:
    """Read a table of the form of ``alerts.toml``; the most urgent rules come first.

    Raises
    ------
    KeyError
        A row lacks a field, or a rule names a category that the table does not define.
    ValueError
        A kind, a time or a score is outside its range.
    """
    table = tomllib.loads(text)
    categories = {
        number: Category(int(number), row["meaning"], row["due_seconds"])
        for number, row in table["category"].items()
    }
    if any(category.due_seconds <= 0 for category in categories.values()):
        raise ValueError("a category's due_seconds must be positive")
    rules = [_rule(code, row, categories) for code, row in table["rule"].items()]
    return tuple(sorted(rules, key=lambda rule: (rule.category.number, rule.finding_code)))


def _rule(code: str, row: Mapping[str, object], categories: Mapping[str, Category]) -> Rule:
    labels, score = row["labels"], row["minimal_score"]
    if not isinstance(labels, list) or not isinstance(score, float) or not 0 < score <= 1:
        raise ValueError(f"rule {code}: labels must be a list, minimal_score lie in (0, 1]")
    kind = str(row["kind"])
    if kind not in _KINDS or (kind == Finding.kind and code not in terminology().findings):
        raise ValueError(f"rule {code}: no such kind, or no finding of that code")
    return Rule(
        finding_code=code,
        kind=kind,
        source=str(row["source"]),
        labels=frozenset(labels),
        minimal_score=score,
        category=categories[str(row["category"])],
    )
