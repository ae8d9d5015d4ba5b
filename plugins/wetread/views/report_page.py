"""The report page as values for its template: pure functions of what was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wetread.core.claim import Cause
from wetread.core.fhir.conclusion import DISCLAIMER, SIGNED_REPORT
from wetread.core.fhir.elements import Resource, counted
from wetread.core.fhir.filing import OPEN_STATUSES
from wetread.core.findings import Finding
from wetread.core.identity import StudyVersion
from wetread.core.outcomes import OutcomeCounts
from wetread.core.terminology import concept, public_modality
from wetread.documents.figures import FIGURES_SHOWN
from wetread.documents.outcome_rows import ReasonRow, reason_rows
from wetread.documents.words import in_utc, with_zone
from wetread.views.observation_rows import (
    ABSENCE,
    ObservationRow,
    frame_name,
    image_names,
    observation_rows,
    series_numbers,
)
from wetread.views.presented_document import binary_reference
from wetread.views.report_family import ReportRow, report_rows
from wetread.views.stored_objects import ObjectRow, object_rows
from wetread.views.study_results import KeyImage, StudyResults

_CANDIDATES_SHOWN = 8
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
    """What the page says when there is a report; ``missing`` names analyses that are not done.

    ``signed`` are the statuses of the study's other reports that a person signed; ``candidates``
    are findings and candidates in the report's order, of which the page leaves some out.
    """

    title: str
    notice: str
    is_preliminary: bool
    signed: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    conclusion: tuple[str, ...]
    missing: tuple[str, ...]
    figures: tuple[Figure, ...]
    key_images_left_out: int
    candidates: tuple[ObservationRow, ...]
    absences: tuple[ObservationRow, ...]
    left_out: int
    counts: OutcomeCounts
    reasons: tuple[ReasonRow, ...]
    threshold: float | None
    has_alert: bool
    has_document: bool
    objects: tuple[ObjectRow, ...]
    reports: tuple[ReportRow, ...]
    models: str


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
    reasons = reason_rows(findings, series_numbers(study))
    observations = observation_rows(results.observations, images)
    seen = [row for row in observations if row.kind != ABSENCE]
    first = [row for row in seen if row.kind == Finding.kind]
    first += [row for row in seen if row.kind != Finding.kind][:_CANDIDATES_SHOWN]
    reports = report_rows(results)
    shown = results.key_images[:FIGURES_SHOWN]
    return ReportPage(
        title=_title(resource),
        notice=DISCLAIMER if is_preliminary else _DECIDED.format(status=status),
        is_preliminary=is_preliminary,
        signed=tuple(r.status for r in reports if r.is_signed and not r.is_shown),
        facts=tuple(
            _facts(resource, study, StudyVersion(results.claim.study_key, findings.version))
        ),
        conclusion=tuple(_conclusion(resource, findings.counts, reasons)),
        missing=tuple(map(str, sorted(findings.missing))),
        figures=tuple(_figure(image, images) for image in shown),
        key_images_left_out=len(results.key_images) - len(shown),
        candidates=tuple(first),
        absences=tuple(row for row in observations if row.kind == ABSENCE),
        left_out=len(resource.get("result", [])) - len(observations) + len(seen) - len(first),
        counts=findings.counts,
        reasons=reasons,
        threshold=next((row.threshold for row in seen if row.kind == "anomaly"), None),
        has_alert=bool((results.summaries.get(findings.version) or {}).get("alert")),
        has_document=binary_reference(resource) is not None,
        objects=object_rows(results),
        reports=reports,
        models=", ".join(
            sorted({f"{a.source.name} {a.source.version}" for a in findings.analyses})
        ),
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


def _title(report: Resource) -> str:
    code = report.get("code", {})
    coding: Resource = next(iter(code.get("coding", [])), {})
    return str(coding.get("display") or code.get("text") or "Imaging study")


def _facts(report: Resource, study: Resource, version: StudyVersion) -> Iterator[tuple[str, str]]:
    yield "Patient", _patient(report.get("subject", {}))
    for identifier in study.get("identifier", []):
        if concept("accession-number").coding() in identifier.get("type", {}).get("coding", []):
            yield "Accession number", str(identifier.get("value"))
    if study.get("description"):
        yield "Study", str(study["description"])
    if report.get("effectiveDateTime"):
        yield "Study date", with_zone(str(report["effectiveDateTime"]))
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
        SIGNED_REPORT,
        f"{counted(counts.arrived, 'instance')} arrived: {numbers}.",
        *(f"{row.count} {row.outcome}: {row.text}" for row in rows),
    }
    for line in str(report.get("conclusion", "")).splitlines():
        if line.strip() and line not in elsewhere:
            yield line


def _figure(image: KeyImage, images: Mapping[str, str]) -> Figure:
    marked = image.image.marked
    best = max(marked, key=lambda seen: seen.score)
    place = [
        public_modality(image.image.analysis.modality),
        frame_name(images, best.image.sop_instance_uid, best.image.frame_number),
    ]
    return Figure(
        number=image.number,
        is_finding=any(isinstance(seen, Finding) for seen in marked),
        title=image.image.title,
        place=", ".join([*filter(None, place), f"highest score {best.score:.2f}"]),
    )
