"""A study's reports in the FHIR store, found by the one identifier that they all carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wetread.core.fhir.elements import Resource
from wetread.core.fhir.filing import latest_edition, result_references
from wetread.core.fhir.identifiers import family_identifier, study_identifier
from wetread.core.fhir.imaging_study import registered_study
from wetread.core.fhir.statements import listed_statements

if TYPE_CHECKING:
    from wetread.core.fhir.filing import Filing
    from wetread.core.findings import StudyFindings
    from wetread.gcp.fhir import FhirClient
    from wetread.gcp.study_records import StudyRecords


def find_reports(fhir: FhirClient, study_instance_uid: str, subject: str) -> list[Resource]:
    """Return all reports of a study: its lineages, and their editions."""
    criterion = family_identifier(study_instance_uid).criterion
    return fhir.find_all("DiagnosticReport", criterion, f"reports of {subject}")


def find_report(fhir: FhirClient, records: StudyRecords) -> Resource | None:
    """Return the report that a version of a study writes, in its newest edition, if it is there."""
    report_id = records.report_id
    if report_id is None:
        return None
    uid = records.manifest.study_instance_uid
    return latest_edition(find_reports(fhir, uid, str(records.study)), report_id)


def find_family(
    fhir: FhirClient, study_instance_uid: str, report_id: str, subject: str
) -> list[Resource]:
    """Return a study, its reports, the Tasks to review them, and a report's results.

    The results are those of the newest edition of the report that ``report_id`` names. The
    ImagingStudy is read before all else, and created where there is none: a transaction that is
    bound to its version is refused if another one of the study came after this reading.

    Raises
    ------
    PermanentError
        ``identifier-ambiguous``: the store holds the ImagingStudy twice.
    """
    study = fhir.ensure(
        "ImagingStudy",
        study_identifier(study_instance_uid).criterion,
        registered_study(study_instance_uid),
        f"ImagingStudy of {subject}",
    )
    reports = find_reports(fhir, study_instance_uid, subject)
    criterion = family_identifier(study_instance_uid).criterion
    tasks = fhir.find_all("Task", criterion, f"reviews of {subject}")
    latest = latest_edition(reports, report_id)
    results = fhir.read_all(result_references(latest), f"results of {subject}") if latest else []
    return [study, *reports, *tasks, *results]


def find_let_go(
    fhir: FhirClient, findings: StudyFindings, filing: Filing, subject: str
) -> list[Resource]:
    """Return the Observations that a result finds again and the open report no longer refers to.

    A person may have decided about them since an earlier result was without them.
    """
    if filing.existing is None:
        return []
    named = (one.identifier for one in listed_statements(findings, filing.report))
    known = {one.get("value") for o in filing.observations for one in o.get("identifier", [])}
    unseen = [name.criterion for name in named if name.value not in known]
    return fhir.find_any("Observation", unseen, f"results of {subject}")
