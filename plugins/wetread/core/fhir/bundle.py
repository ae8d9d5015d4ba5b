"""All that is written to the FHIR store for one study, as one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from wetread.core.dicom.names import ResultKind, key_frame, result_names
from wetread.core.errors import problem
from wetread.core.fhir.conclusion import conclusion_lines
from wetread.core.fhir.diagnostic_report import diagnostic_report
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.filing import Filing
from wetread.core.fhir.gate import check_bundle
from wetread.core.fhir.guard import cancellations, guard_transaction, may_write
from wetread.core.fhir.identifiers import (
    RESULT_SYSTEM,
    Identifier,
    client_id,
    content_identifier,
    media_identifier,
    study_identifier,
    task_identifier,
)
from wetread.core.fhir.imaging_study import imaging_study, with_what_others_wrote
from wetread.core.fhir.media import media
from wetread.core.fhir.observation import observation
from wetread.core.fhir.presented_form import document_binary, document_form, structured_reports
from wetread.core.fhir.provenance import provenance
from wetread.core.fhir.statements import OBSERVATION_LIMIT, Named, named_statements
from wetread.core.fhir.study import StudyFacts
from wetread.core.fhir.surroundings import Surroundings
from wetread.core.fhir.task import review_task
from wetread.core.findings import AnalysisFindings, StudyFindings


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

    Every entry is an update under a deterministic name, so that a retry writes the same resources,
    and a later version of the findings updates them in place. It passed the gate, and is bound to
    the versions of what :class:`Filing` read.

    Parameters
    ----------
    document
        The readable report, as HTML in UTF-8.
    anomaly_threshold
        The score that made an object an anomaly candidate, in (0, 1]; shown beside its score.

    Raises
    ------
    PermanentError
        ``result-invalid``: the facts are of another study, or a rule is broken, which the text
        names. ``report-closed``: the edition to be written is no longer preliminary.
    """
    uid, report = findings.study_instance_uid, filing.report
    if facts.study_instance_uid not in (None, uid):
        raise problem(
            "result-invalid",
            f"the DICOM store's metadata for {findings.study_key} is of another study.",
        )
    findings = replace(findings, analyses=tuple(sorted(findings.analyses, key=_order)))
    study, content = study_identifier(uid), content_identifier(findings)
    task = task_identifier(report, content)
    statements = named_statements(findings, report)
    listed = statements[:OBSERVATION_LIMIT]
    observations = [
        _entry(
            named.identifier,
            observation(
                named.identifier,
                named.analysis,
                named.statement,
                surroundings,
                study_url=study.full_url,
                started=facts.started,
                body_part=facts.body_part_of(named.series_instance_uid),
                anomaly_threshold=anomaly_threshold,
            ),
        )
        for named in listed
    ]
    key_images = list(_key_images(findings, facts, surroundings, report))
    forms, binaries = list(structured_reports(findings, surroundings)), []
    if document is not None:
        binary_id = client_id(report, content, "document")
        forms.append(document_form(document, binary_id, findings.created_at))
        binaries.append(document_binary(document, binary_id, report.full_url))
    written = diagnostic_report(
        findings,
        facts,
        surroundings,
        filing,
        study_url=study.full_url,
        observation_urls=[*_urls(observations), *_kept(filing, listed)],
        media_urls=_urls(key_images),
        presented_forms=forms,
        conclusion=conclusion_lines(
            findings,
            facts,
            unlisted=len(statements) - len(listed),
            surroundings=surroundings,
            filing=filing,
        ),
    )
    origin = provenance(
        findings,
        surroundings,
        filing,
        resource_id=client_id(report, content, "provenance"),
        target_urls=[report.full_url, *_urls(observations)],
        study_url=study.full_url,
    )
    review = review_task(task, findings, surroundings, filing, report_url=report.full_url)
    entries = [
        _entry(study, imaging_study(uid, facts, surroundings)),
        *observations,
        *key_images,
        _entry(report, written),
        _entry(task, review),
        *(_entry_by_id(resource) for resource in (*binaries, origin)),
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    guarded = guard_transaction(bundle, filing)
    guarded["entry"] += cancellations(filing, findings.created_at)
    check_bundle(guarded, findings.study_key)
    if filing.study is not None:
        # Not ours to judge: the store has taken it from others.
        first = guarded["entry"][0]
        first["resource"] = with_what_others_wrote(first["resource"], filing.study)
    return guarded


def _order(analysis: AnalysisFindings) -> tuple[int, str, str]:
    """Order analyses as a merge does, so that the bytes depend on nothing else."""
    return len(analysis.row_id), analysis.row_id, analysis.analysis_id


def _kept(filing: Filing, listed: Iterable[Named]) -> Iterator[str]:
    """Yield what a person decided in, or added to, this edition and the result does not list.

    A report that let go of it would not know of the decision when it is found again.
    """
    said = {named.identifier.value for named in listed}
    for resource in filing.observations:
        identifiers = resource.get("identifier", [])
        own = {one.get("value") for one in identifiers if one.get("system") == RESULT_SYSTEM}
        if not own or (not may_write(resource) and own.isdisjoint(said)):
            yield f"Observation/{resource['id']}"


def _urls(entries: Iterable[Resource]) -> list[str]:
    return [entry["fullUrl"] for entry in entries]


def _key_images(
    findings: StudyFindings, facts: StudyFacts, surroundings: Surroundings, report: Identifier
) -> Iterator[Resource]:
    uid = findings.study_instance_uid
    for analysis in findings.analyses:
        frame = key_frame(analysis)
        for name in result_names(uid, analysis):
            if frame and name.kind == ResultKind.KEY_IMAGE:
                identifier = media_identifier(report, analysis)
                body_part = facts.body_part_of(frame.series_instance_uid)
                resource = media(identifier, uid, analysis, name, surroundings, body_part=body_part)
                yield _entry(identifier, resource)


def _entry(identifier: Identifier, resource: Resource) -> Resource:
    """Return the entry of a resource that is found by its identifier."""
    url = identifier.conditional_url(resource["resourceType"])
    return {
        "fullUrl": identifier.full_url,
        "resource": resource,
        "request": {"method": "PUT", "url": url},
    }


def _entry_by_id(resource: Resource) -> Resource:
    """Return the entry of a resource whose type has no search by identifier: it has our id."""
    url = f"{resource['resourceType']}/{resource['id']}"
    return {
        "fullUrl": f"urn:uuid:{resource['id']}",
        "resource": resource,
        "request": {"method": "PUT", "url": url},
    }
