"""Which of a study's findings, candidates and absences get an Observation, and under which name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wetread.core.fhir.identifiers import Identifier, observation_identifier
from wetread.core.fhir.observation import Statement
from wetread.core.findings import Absence, AnalysisFindings, CandidateKind, Finding, StudyFindings

OBSERVATION_LIMIT: Final = 1000
"""How many get their own Observation: findings, absences, anomalies, then objects, the best first.

A transaction may hold 4,500 entries (Healthcare API, "Quotas and limits"), and nobody reads more.
"""

_RANKS: Final = (Finding.kind, "absence", CandidateKind.ANOMALY, CandidateKind.OBJECT)


@dataclass(frozen=True)
class Named:
    """One statement of one analysis and the identifier of its Observation."""

    identifier: Identifier
    analysis: AnalysisFindings
    statement: Statement

    @property
    def series_instance_uid(self) -> str:
        """The series that the statement is about: of its image, or all that were looked at."""
        if isinstance(self.statement, Absence):
            return self.analysis.series_instance_uid
        return self.statement.image.series_instance_uid


def listed_statements(findings: StudyFindings, report: Identifier) -> list[Named]:
    """Return the statements that get an Observation."""
    return named_statements(findings, report)[:OBSERVATION_LIMIT]


def named_statements(findings: StudyFindings, report: Identifier) -> list[Named]:
    """Return all statements of a study's findings in the order of their rank."""
    return sorted(_named(findings, report), key=_rank)


def _named(findings: StudyFindings, report: Identifier) -> Iterator[Named]:
    occurrences: Counter[Identifier] = Counter()
    for analysis in findings.analyses:
        for statement in (*analysis.seen, *analysis.absences):
            first = observation_identifier(report, analysis, statement, 0)
            identifier = observation_identifier(report, analysis, statement, occurrences[first])
            occurrences[first] += 1
            yield Named(identifier, analysis, statement)


def _rank(named: Named) -> tuple[int, float, str]:
    statement = named.statement
    kind = "absence" if isinstance(statement, Absence) else statement.kind
    return _RANKS.index(kind), -statement.score, named.identifier.value
