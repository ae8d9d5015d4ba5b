"""Where a result is filed among the reports that a study has: in place, beside, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.identifiers import (
    Identifier,
    content_identifier,
    report_identifier,
    task_identifier,
)
from wetread.core.findings import StudyFindings

OPEN_STATUSES: Final = frozenset({"registered", "partial", "preliminary"})
"""Report statuses before a person's decision (FHIR R4, value set diagnostic-report-status).

All others - final, amended, corrected, appended, but also cancelled and entered-in-error, by which
a radiologist rejects - are decisions, or unknown, and closed.
"""

SIGNED_STATUSES: Final = frozenset({"final", "amended", "corrected", "appended"})
"""Report statuses that a person vouches for (FHIR R4, value set diagnostic-report-status)."""

_OBSERVATION: Final = re.compile(r"Observation/[A-Za-z0-9\-.]{1,64}")
"""FHIR R4, "Literal references"."""

UNTAKEN_STATUSES: Final = frozenset({"requested", "received", "ready"})
"""Task statuses before somebody has accepted it (FHIR R4, Task, "State machine")."""


@dataclass(frozen=True)
class Filing:
    """Where one result is filed, and what its transaction has to respect.

    ``report`` names the edition. ``existing`` is that edition as it is in the store, still open,
    with ``observations``, its results; ``task`` is the review of this very result if it was asked
    for before, whatever became of it. ``open_tasks`` are the reviews of older results that nobody
    has taken. ``predecessor`` and ``signed`` are literal references to DiagnosticReports. ``study``
    is the ImagingStudy as it is in the store.
    """

    report: Identifier
    edition: int
    existing: Mapping[str, Any] | None = None
    observations: tuple[Mapping[str, Any], ...] = ()
    task: Mapping[str, Any] | None = None
    open_tasks: tuple[Mapping[str, Any], ...] = ()
    predecessor: str | None = None
    signed: tuple[str, ...] = ()
    study: Mapping[str, Any] | None = None

    @property
    def is_beside(self) -> bool:
        """Whether the study has a signed report, beside which this result is filed."""
        return bool(self.signed)


def file_result(
    findings: StudyFindings,
    report_id: str,
    family: Sequence[Resource],
    predecessor_ids: Sequence[str] = (),
) -> Filing | None:
    """Return where the result is filed, or nothing when a person has decided this very result.

    An open report is updated in place. Beside one that a person has closed, a result that differs
    from it becomes the next edition.

    Parameters
    ----------
    report_id
        The id of the report's lineage.
    family
        The study's ImagingStudy, DiagnosticReports and Tasks, and the Observations that the open
        ones refer to.
    predecessor_ids
        The ids of the lineages before this one, the newest first; it follows the first of them
        that the store holds, since a report that was begun may never have been written.
    """
    content = content_identifier(findings)
    reports = _of_type(family, "DiagnosticReport")
    editions = _editions(reports, report_id)
    latest = editions[-1] if editions else None
    is_closed = latest is not None and latest["status"] not in OPEN_STATUSES
    if latest is not None and is_closed and carries(latest, content):
        return None
    existing = None if is_closed else latest
    edition = len(editions) - (existing is not None)
    others = (_editions(reports, other) for other in predecessor_ids)
    before = editions[:edition] or next(filter(None, others), [])
    report = report_identifier(report_id, edition)
    own = task_identifier(report, content)
    tasks = _of_type(family, "Task")
    return Filing(
        report=report,
        edition=edition,
        existing=existing,
        observations=tuple(_results_of(existing, family)) if existing else (),
        task=next((task for task in tasks if carries(task, own)), None),
        open_tasks=tuple(
            t for t in tasks if t["status"] in UNTAKEN_STATUSES and not carries(t, own)
        ),
        predecessor=_literal(before[-1]) if before else None,
        signed=tuple(sorted(_literal(r) for r in reports if r["status"] in SIGNED_STATUSES)),
        study=next(iter(_of_type(family, "ImagingStudy")), None),
    )


def latest_edition(family: Iterable[Resource], report_id: str) -> Resource | None:
    """Return the newest edition of a report that is in the store, if there is any."""
    editions = _editions(_of_type(family, "DiagnosticReport"), report_id)
    return editions[-1] if editions else None


def result_references(report: Resource) -> list[str]:
    """Return the literal references to a report's Observations, whoever added them."""
    references = (str(item.get("reference")) for item in report.get("result", []))
    return [reference for reference in references if _OBSERVATION.fullmatch(reference)]


def _editions(reports: Sequence[Resource], report_id: str) -> list[Resource]:
    """Return a lineage's editions as they are in the store, up to the first that is open."""
    editions: list[Resource] = []
    for edition in count():
        name = report_identifier(report_id, edition)
        named = [report for report in reports if carries(report, name)]
        if not named:
            break
        # A copy that another system signed under our identifier is the decision.
        found = min(named, key=lambda one: (one["status"] in OPEN_STATUSES, one["id"]))
        editions.append(found)
        if found["status"] in OPEN_STATUSES:
            break
    return editions


def _results_of(report: Resource, family: Iterable[Resource]) -> Iterable[Resource]:
    references = set(result_references(report))
    return (one for one in _of_type(family, "Observation") if _literal(one) in references)


def _of_type(family: Iterable[Resource], resource_type: str) -> list[Resource]:
    return [resource for resource in family if resource["resourceType"] == resource_type]


def carries(resource: Resource, identifier: Identifier) -> bool:
    """Return whether a resource has an identifier among its own."""
    return any(
        (one.get("system"), one.get("value")) == (identifier.system, identifier.value)
        for one in resource.get("identifier", [])
    )


def _literal(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
