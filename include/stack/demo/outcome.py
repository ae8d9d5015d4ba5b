"""What became of a study, and whether that is what had to become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from samples.study import OUTCOMES, ExpectedStudy, FoundFinding, FoundModelFinding
from stack.demo.studies import SentStudy


@dataclass(frozen=True)
class StudyOutcome:
    """One row of the demo's table."""

    name: str
    study_key: str
    modality: str
    instances: Mapping[str, int]
    """How many instances came to each of the four outcomes."""
    findings_expected: int
    findings_found: int
    """Reported findings; several may show one lesion on neighbouring images."""
    report_status: str
    alert: bool
    complete_to_report_seconds: float | None
    """From the bucket's time of ``_COMPLETE`` to the report's ``meta.lastUpdated``."""
    complete_to_run_seconds: float | None
    """From ``_COMPLETE`` to the start of the run: intake's share."""
    objects: Mapping[str, int] = field(default_factory=dict)
    """How many DICOM objects of each modality the results became."""
    tasks: Mapping[str, float] = field(default_factory=dict)
    """Seconds each task ran, by task id and, where mapped, index."""
    mismatches: tuple[str, ...] = ()
    """What differs from the expected state, in words; empty is right."""


@dataclass(frozen=True)
class Evidence:
    """What a finished run left behind, as Airflow and the cloud tell it."""

    run: Mapping[str, Any]
    task_instances: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any] | None
    reports: Sequence[Mapping[str, Any]]
    analyses: frozenset[str] = frozenset()
    """Those whose findings are stored, shown or not."""
    objects: Mapping[str, int] = field(default_factory=dict)
    """How many DICOM objects of each modality are stored beside the images."""
    absent: frozenset[str] = frozenset()
    """The displays of what was looked for in vain."""
    documents: Sequence[bytes] = ()
    """What a person can read of each report; empty where there is nothing."""


def judge(sent: SentStudy, study_key: str, evidence: Evidence) -> StudyOutcome:
    """Compare a finished run's results with what the sample says they must be."""
    summary, reports = evidence.summary or {}, evidence.reports
    instances = {name: summary.get("instances", {}).get(name, 0) for name in OUTCOMES}
    found = [
        FoundFinding(row["kind"], tuple(row["centre"]), row["instance_number"])
        for row in summary.get("findings", ())
    ]
    coded = [_coded(row) for row in summary.get("coded_findings", ())]
    shown = {name for name in evidence.analyses if any(name in _words(r) for r in reports)}
    outcome = StudyOutcome(
        name=sent.name,
        study_key=study_key,
        modality=summary.get("modality", ""),
        instances=instances,
        findings_expected=len(sent.expected.findings) + len(sent.expected.model_findings),
        findings_found=len(found) + len(coded),
        report_status=reports[0]["status"] if reports else "none",
        alert=bool(summary.get("alert", False)),
        complete_to_report_seconds=(
            _seconds_between(sent.completed_at, reports[0]["meta"]["lastUpdated"])
            if reports
            else None
        ),
        complete_to_run_seconds=_seconds_between(sent.completed_at, evidence.run["start_date"]),
        objects=dict(sorted(evidence.objects.items())),
        tasks={_label(row): round(row["duration"] or 0.0, 2) for row in evidence.task_instances},
    )
    mismatches = (
        *_run_mismatches(evidence),
        *(() if summary else ("the run left no summary",)),
        *(() if len(reports) <= 1 else (f"{len(reports)} reports instead of one",)),
        *_mismatches(outcome, sent.expected),
        *sent.expected.mismatches(found),
        *sent.expected.model_mismatches(coded),
        *sent.expected.shadow_mismatches(evidence.analyses, shown),
        *sent.expected.result_mismatches(evidence.objects, evidence.absent),
        *(() if all(evidence.documents) else ("a report has nothing for a person to read",)),
    )
    return replace(outcome, mismatches=mismatches)


def stuck(sent: SentStudy, study_key: str, reason: str) -> StudyOutcome:
    """Make the row of a study that reached no end in time."""
    return StudyOutcome(
        name=sent.name,
        study_key=study_key,
        modality="",
        instances=dict.fromkeys(OUTCOMES, 0),
        findings_expected=len(sent.expected.findings) + len(sent.expected.model_findings),
        findings_found=0,
        report_status="none",
        alert=False,
        complete_to_report_seconds=None,
        complete_to_run_seconds=None,
        mismatches=(reason,),
    )


def _coded(row: Mapping[str, Any]) -> FoundModelFinding:
    centre = row["point_mm"] or row["centre"]
    return FoundModelFinding(row["code"], tuple(centre), row["measurements"].get("diameter"))


def _words(report: Mapping[str, Any]) -> str:
    return str(report.get("conclusion", ""))


def _run_mismatches(evidence: Evidence) -> tuple[str, ...]:
    if evidence.run["state"] == "success":
        return ()
    failed = sorted(_label(row) for row in evidence.task_instances if row["state"] == "failed")
    return (f"the run ended {evidence.run['state']} in {', '.join(failed) or 'no task'}",)


def _mismatches(outcome: StudyOutcome, expected: ExpectedStudy) -> list[str]:
    pairs = {
        "modality": (outcome.modality, expected.modality),
        **{name: (outcome.instances[name], expected.outcomes[name]) for name in OUTCOMES},
        "report": (outcome.report_status, expected.report_status),
        "alert": (outcome.alert, expected.alert),
    }
    return [
        f"{name} is {found!r}, expected {wanted!r}"
        for name, (found, wanted) in pairs.items()
        if found != wanted
    ]


def _label(row: Mapping[str, Any]) -> str:
    index = row.get("map_index", -1)
    return row["task_id"] if index < 0 else f"{row['task_id']}[{index}]"


def _seconds_between(begin: datetime, end: str | None) -> float | None:
    if end is None:
        return None
    return round((datetime.fromisoformat(end) - begin).total_seconds(), 2)
