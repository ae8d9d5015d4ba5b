"""Write a study's preliminary report into a FHIR R4 store of the Cloud Healthcare API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wetread.core.errors import RetriableError
from wetread.operators.study import StudyResultOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.fhir.filing import Filing
    from wetread.core.fhir.study import StudyFacts
    from wetread.core.findings import StudyFindings

_LOOKS = 3
"""How often a try reads and writes before it leaves the next one to Airflow: whoever else writes a
study's report is done within seconds, and so is a write whose answer was lost."""


class WriteFhirReportOperator(StudyResultOperator):
    """Write the report of a study, and what it refers to, in one transaction.

    Every resource has a deterministic identifier or id, so a retry leaves the same resources. A
    version goes on with the report of the one before, or opens one that names its predecessor when
    it has another model. What a person has closed - a report, an Observation, a review - stays as
    it is: a result that differs from a closed report is filed beside it. Versions share a report,
    so one that runs, or is cleared, after a later one has begun leaves it as it is. Patient and
    order are looked up and never created.

    Returns ``{"status": …, "observations": …}``; the status is ``preliminary``, ``beside`` (a
    signed report), ``decided`` (a person has closed this very result) or ``superseded`` (by a later
    version).
    """

    def write(self, context: Context) -> dict[str, int | str]:
        for _ in range(_LOOKS - 1):
            try:
                return self._write()
            except RetriableError as error:
                if error.code != "precondition-failed":
                    raise
                self.log.info("Somebody changed the report of %s; reading it again.", self.version)
        return self._write()

    def _write(self) -> dict[str, int | str]:
        """Read what there is of the report, and write it against that."""
        from wetread.core.fhir.filing import file_result
        from wetread.core.fhir.study import study_facts
        from wetread.gcp.study_reports import find_family, find_let_go

        subject, fhir, state = str(self.version), self.installation.fhir, self.installation.state
        if state.is_superseded(self.version):
            return self._result("superseded")
        begun = self.records.begin_report()
        findings = self.records.findings()
        uid = findings.study_instance_uid
        family = find_family(fhir, uid, begun.report_id, subject)
        filing = file_result(findings, begun.report_id, family, begun.predecessor_ids)
        if filing is None:
            return self._result("decided")
        let_go = find_let_go(fhir, findings, filing, subject)
        filing = replace(filing, observations=(*filing.observations, *let_go))
        metadata = self.installation.dicomweb.study_metadata(uid, subject)
        facts = study_facts(metadata, self.installation.settings.site)
        bundle = self._bundle(findings, facts, filing)
        if state.is_superseded(self.version):
            return self._result("superseded")
        fhir.execute(bundle, f"report of {subject}")
        status = "beside" if filing.is_beside else "preliminary"
        return self._result(status, _count_observations(bundle))

    def _bundle(self, findings: StudyFindings, facts: StudyFacts, filing: Filing) -> dict[str, Any]:
        from wetread.core.fhir.bundle import build_transaction
        from wetread.documents.study_document import study_document
        from wetread.gcp.report_figures import ReportFigures
        from wetread.gcp.report_surroundings import ReportSurroundings

        surroundings = ReportSurroundings(
            fhir=self.installation.fhir,
            dicomweb_url=self.installation.dicomweb.url,
            organization_name=self.installation.settings.organization,
            subject=str(self.version),
        )
        found, settings = surroundings.find(findings, facts), self.records.settings
        figures = ReportFigures(self.installation.dicomweb, facts, settings, str(self.version))
        threshold = settings.anomaly_threshold
        document = study_document(
            findings,
            facts,
            found.subject,
            filing,
            figures.make(findings),
            anomaly_threshold=threshold,
        )
        return build_transaction(
            findings, facts, found, filing, document, anomaly_threshold=threshold
        )

    def _result(self, status: str, observations: int = 0) -> dict[str, int | str]:
        result: dict[str, int | str] = {"status": status, "observations": observations}
        self.log.info("The report of %s: %s", self.version, result)
        return result


def _count_observations(bundle: dict[str, Any]) -> int:
    """Return how many Observations the report refers to, those that a person closed included."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    (report,) = (one for one in resources if one["resourceType"] == "DiagnosticReport")
    return len(report.get("result", []))
