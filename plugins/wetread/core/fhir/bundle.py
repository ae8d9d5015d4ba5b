"""All that is written to the FHIR store for one study, as one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wetread.core.errors import problem
from wetread.core.fhir.conclusion import conclusion_lines
from wetread.core.fhir.diagnostic_report import diagnostic_report
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.identifiers import (
    Identifier,
    observation_identifier,
    study_identifier,
)
from wetread.core.fhir.imaging_study import imaging_study
from wetread.core.fhir.observation import observation
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.findings import (
    AnalysisFindings,
    Candidate,
    CandidateKind,
    Finding,
    StudyFindings,
)

if TYPE_CHECKING:
    from wetread.core.fhir.filing import Filing

OBSERVATION_LIMIT: Final = 1000
"""How many get their own Observation, the best first: findings, anomalies, then objects.

A transaction may hold 4,500 entries (Healthcare API, "Quotas and limits"), and nobody reads more.
"""


@dataclass(frozen=True)
class _Listed:
    identifier: Identifier
    analysis: AnalysisFindings
    seen: Finding | Candidate


def build_transaction(
    findings: StudyFindings,
    facts: StudyFacts,
    surroundings: Surroundings,
    filing: Filing,
    document: bytes | None = None,
    *,
    anomaly_threshold: float | None = None,
) -> dict[str, Any]:
    """Return the transaction Bundle of a study: a pure function of its arguments.

    Every entry is a conditional update by a deterministic identifier, so that a retry writes the
    same resources, and a later version of the findings updates them in place.

    Parameters
    ----------
    anomaly_threshold
        The score that made an object an anomaly candidate, in (0, 1]; shown beside its score.

    Raises
    ------
    PermanentError
        ``result-invalid``: the facts are of another study, or a resource breaks a rule of FHIR R4.
    """
    uid, subject = findings.study_instance_uid, surroundings.subject
    if facts.study_instance_uid not in (None, uid):
        raise problem(
            "result-invalid",
            f"the DICOM store's metadata for {findings.study_key} is of another study.",
        )
    study = study_identifier(uid)
    everything = list(_identified(findings, filing.report))
    listed = sorted(everything, key=_rank)[:OBSERVATION_LIMIT]
    entries = [_entry(study, imaging_study(uid, facts, subject))]
    entries += [
        _entry(
            item.identifier,
            observation(
                item.identifier,
                item.analysis,
                item.seen,
                subject,
                study_url=study.full_url,
                started=facts.started,
                anomaly_threshold=anomaly_threshold,
            ),
        )
        for item in listed
    ]
    report = diagnostic_report(
        findings,
        facts,
        subject,
        filing.report,
        study_url=study.full_url,
        observation_urls=[item.identifier.full_url for item in listed],
        conclusion=conclusion_lines(findings, facts, unlisted=len(everything) - len(listed)),
    )
    entries.append(_entry(filing.report, report))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    _validate(bundle, findings.study_key)
    return bundle


def _identified(findings: StudyFindings, report: Identifier) -> Iterator[_Listed]:
    occurrences: Counter[Identifier] = Counter()
    for analysis in findings.analyses:
        for seen in analysis.seen:
            first = observation_identifier(report, analysis, seen, 0)
            identifier = observation_identifier(report, analysis, seen, occurrences[first])
            occurrences[first] += 1
            yield _Listed(identifier, analysis, seen)


_RANKS: Final = (Finding.kind, CandidateKind.ANOMALY, CandidateKind.OBJECT)


def _rank(item: _Listed) -> tuple[int, float, str]:
    return _RANKS.index(item.seen.kind), -item.seen.score, item.identifier.value


def _entry(identifier: Identifier, resource: Resource) -> Resource:
    return {
        "fullUrl": identifier.full_url,
        "resource": resource,
        "request": {
            "method": "PUT",
            "url": identifier.conditional_url(resource["resourceType"]),
        },
    }


def _validate(bundle: Resource, study_key: str) -> None:
    """Check the bundle against FHIR's models; an error names the element and never its value."""
    from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415 - takes a second to import
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        Bundle.model_validate(bundle)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        element = ".".join(str(part) for part in first["loc"])
        raise problem(
            "result-invalid", f"FHIR result of {study_key}: {element} is {first['type']}."
        ) from None
