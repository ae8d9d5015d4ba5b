"""Alerts: that a finding of a study needs a radiologist's eyes, and by when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wetread.core.alerts.rules import Rule, most_urgent
from wetread.core.canonical import digest
from wetread.core.findings import AnalysisFindings, AnalysisSource, StudyFindings
from wetread.core.terminology import public_modality

_ID_LENGTH: Final = 32
"""128 bits of the digest: enough that no two alerts ever share an id."""


@dataclass(frozen=True)
class Alert:
    """One finding of one version of a study that counts as critical.

    ``category`` is the ACR's, 1 to 3. Somebody must have acknowledged it ``due_seconds`` after
    ``created_at``, the RFC 3339 time of the analysis.
    """

    alert_id: str
    study_key: str
    version: int
    category: int
    due_seconds: int
    finding_code: str
    modality: str
    score: float
    created_at: str


def critical_alerts(
    findings: StudyFindings, rules: Sequence[Rule] | None = None
) -> tuple[Alert, ...]:
    """Return the alerts of a study, the most urgent first.

    There is one alert per source and finding code, with the best score: a shadow seen on twelve
    images is one thing to look at. ``rules`` are those of ``alerts.toml`` unless others are given,
    the most urgent first.
    """
    best: dict[tuple[AnalysisSource, str], Alert] = {}
    for source, alert in _raised(findings, rules):
        key = source, alert.finding_code
        if key not in best or alert.score > best[key].score:
            best[key] = alert
    return tuple(sorted(best.values(), key=lambda a: (a.category, -a.score, a.alert_id)))


def _raised(
    findings: StudyFindings, rules: Sequence[Rule] | None
) -> Iterator[tuple[AnalysisSource, Alert]]:
    for analysis in findings.analyses:
        for seen in analysis.seen:
            if rule := most_urgent(seen, analysis.source, rules):
                yield analysis.source, _alert(findings, analysis, rule, seen.score)


def _alert(findings: StudyFindings, analysis: AnalysisFindings, rule: Rule, score: float) -> Alert:
    return Alert(
        alert_id=_alert_id(findings, analysis.source, rule.finding_code),
        study_key=findings.study_key,
        version=findings.version,
        category=rule.category.number,
        due_seconds=rule.category.due_seconds,
        finding_code=rule.finding_code,
        modality=public_modality(analysis.modality),
        score=score,
        created_at=analysis.created_at,
    )


def _alert_id(findings: StudyFindings, source: AnalysisSource, finding_code: str) -> str:
    """Name the alert from the study key, not from a UID: the id leaves the protected stores."""
    parts = [findings.study_key, findings.version, source.identity, finding_code]
    return digest(["alert", *parts])[:_ID_LENGTH]
