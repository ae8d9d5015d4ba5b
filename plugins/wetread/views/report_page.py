"""The report page as values for its template: pure functions of what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wetread.core.claim import Cause
from wetread.core.fhir.conclusion import DISCLAIMER
from wetread.core.fhir.elements import Resource, counted
from wetread.core.fhir.guard import OPEN_STATUSES
from wetread.core.fhir.identifiers import ACCESSION_SYSTEM
from wetread.core.findings import Candidate, Finding, StudyFindings
from wetread.core.identity import StudyVersion
from wetread.core.outcomes import Outcome, OutcomeCounts, reasons
from wetread.core.terminology import public_modality
from wetread.views.candidate_rows import CandidateRow, candidate_rows, frame_name, image_names
from wetread.views.study_results import KeyImage, StudyResults

KEY_IMAGES_SHOWN = 4
"""More would not fit on a printed page; the others are in the study itself."""

_CAUSES = {
    Cause.ARRIVED: "images arrived",
    Cause.LATE: "late images arrived",
    Cause.REQUESTED: "requested",
}
_DECIDED = (
    "A person has decided on this report: its status is {status}."
    " Candidates and key images are AI output. Not for clinical use."
)


@dataclass(frozen=True)
class ReasonRow:
    """How many instances were not analysed for one reason."""

    count: int
    outcome: Outcome
    text: str


@dataclass(frozen=True)
class Figure:
    """One key image, by its number: what is marked on it, and where it lies in the study."""

    number: int
    is_finding: bool
    title: str
    place: str


@dataclass(frozen=True)
class VersionRow:
    """One version of the study; ``counts`` are nothing until it has ended."""

    number: int
    opened_at: str
    cause: str
    priority: str
    run_id: str
    is_shown: bool
    counts: OutcomeCounts | None
    has_alert: bool


@dataclass(frozen=True)
class ReportPage:
    """What the page says when there is a report; ``missing`` names analyses that are not done."""

    title: str
    notice: str
    is_preliminary: bool
    facts: tuple[tuple[str, str], ...]
    conclusion: tuple[str, ...]
    missing: tuple[str, ...]
    figures: tuple[Figure, ...]
    key_images_left_out: int
    candidates: tuple[CandidateRow, ...]
    candidates_left_out: int
    counts: OutcomeCounts
    reasons: tuple[ReasonRow, ...]
    threshold: float | None
    has_alert: bool
    models: str
    report_reference: str


def report_page(results: StudyResults) -> ReportPage | None:
    """Return what the page says, or nothing while no report was written."""
    report = results.report
    if report is None:
        return None
    resource, findings = report.resource, report.findings
    study = results.imaging_study or {}
    images = image_names(study)
    status = str(resource.get("status"))
    is_preliminary = status in OPEN_STATUSES
    rows = _reason_rows(findings)
    candidates = candidate_rows(results.observations, images)
    shown = results.key_images[:KEY_IMAGES_SHOWN]
    return ReportPage(
        title=_title(resource),
        notice=DISCLAIMER if is_preliminary else _DECIDED.format(status=status),
        is_preliminary=is_preliminary,
        facts=tuple(
            _facts(resource, study, StudyVersion(results.claim.study_key, findings.version))
        ),
        conclusion=tuple(_conclusion(resource, findings.counts, rows)),
        missing=tuple(map(str, sorted(findings.missing))),
        figures=tuple(_figure(image, images) for image in shown),
        key_images_left_out=len(results.key_images) - len(shown),
        candidates=candidates,
        candidates_left_out=len(resource.get("result", [])) - len(results.observations),
        counts=findings.counts,
        reasons=rows,
        threshold=next((row.threshold for row in candidates if row.kind == "anomaly"), None),
        has_alert=bool((results.summaries.get(findings.version) or {}).get("alert")),
        models=", ".join(
            sorted({f"{a.source.name} {a.source.version}" for a in findings.analyses})
        ),
        report_reference=f"DiagnosticReport/{resource.get('id')}",
    )


def version_rows(results: StudyResults) -> tuple[VersionRow, ...]:
    """Return the study's versions, newest first."""
    shown = results.report.findings.version if results.report else None
    return tuple(
        VersionRow(
            number=version.version,
            opened_at=in_utc(version.opened_at),
            cause=_CAUSES[version.cause],
            priority=version.priority,
            run_id=StudyVersion(results.claim.study_key, version.version).run_id,
            is_shown=version.version == shown,
            counts=OutcomeCounts(**summary["instances"]) if summary else None,
            has_alert=bool(summary and summary["alert"]),
        )
        for version in reversed(results.claim.versions)
        for summary in [results.summaries[version.version]]
    )


def in_utc(time: str) -> str:
    """Return an RFC 3339 time, or a date alone, as people read it."""
    if len(time) <= len("2026-01-01"):
        return time
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _title(report: Resource) -> str:
    code = report.get("code", {})
    coding: Resource = next(iter(code.get("coding", [])), {})
    return str(coding.get("display") or code.get("text") or "Imaging study")


def _facts(report: Resource, study: Resource, version: StudyVersion) -> Iterator[tuple[str, str]]:
    yield "Patient", _patient(report.get("subject", {}))
    for identifier in study.get("identifier", []):
        if identifier.get("system") == ACCESSION_SYSTEM:
            yield "Accession number", str(identifier.get("value"))
    if study.get("description"):
        yield "Study", str(study["description"])
    if report.get("effectiveDateTime"):
        yield "Study date", in_utc(str(report["effectiveDateTime"]))
    if report.get("issued"):
        yield "Report issued", in_utc(str(report["issued"]))
    yield "Report status", str(report.get("status"))
    yield "Version", str(version.version)
    yield "Study key", version.study_key


def _patient(subject: Mapping[str, Any]) -> str:
    """Name the patient as the report refers to him, and look up no more."""
    identifier = subject.get("identifier", {}).get("value")
    return str(identifier or subject.get("reference") or subject.get("display") or "unknown")


def _conclusion(
    report: Resource, counts: OutcomeCounts, rows: tuple[ReasonRow, ...]
) -> Iterator[str]:
    """Return the conclusion without the lines that the page gives elsewhere."""
    numbers = ", ".join(f"{number} {outcome}" for outcome, number in counts.as_dict().items())
    elsewhere = {
        DISCLAIMER,
        f"{counted(counts.arrived, 'instance')} arrived: {numbers}.",
        *(f"{row.count} {row.outcome}: {row.text}" for row in rows),
    }
    for line in str(report.get("conclusion", "")).splitlines():
        if line.strip() and line not in elsewhere:
            yield line


def _figure(image: KeyImage, images: Mapping[str, str]) -> Figure:
    best = max(image.marked, key=lambda seen: seen.score)
    place = [
        public_modality(image.analysis.modality),
        frame_name(images, best.image.sop_instance_uid, best.image.frame_number),
    ]
    return Figure(
        number=image.number,
        is_finding=any(isinstance(seen, Finding) for seen in image.marked),
        title=", ".join(_marked(image.marked)),
        place=", ".join([*filter(None, place), f"highest score {best.score:.2f}"]),
    )


def _marked(marked: Sequence[Finding | Candidate]) -> Iterator[str]:
    yield from sorted({seen.sized_label for seen in marked if isinstance(seen, Finding)})
    if candidates := sum(isinstance(seen, Candidate) for seen in marked):
        yield counted(candidates, "anomaly candidate")


def _reason_rows(findings: StudyFindings) -> tuple[ReasonRow, ...]:
    tally = Counter(outcome.reason for outcome in findings.outcomes)
    rows = (
        ReasonRow(count, reasons()[code].outcome, reasons()[code].text)
        for code, count in tally.items()
        if reasons()[code].outcome is not Outcome.ANALYSED
    )
    order = list(Outcome)
    return tuple(sorted(rows, key=lambda row: (order.index(row.outcome), -row.count, row.text)))
