"""Write a study's preliminary report into a FHIR R4 store of the Cloud Healthcare API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wetread.operators.study import StudyResultOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class WriteFhirReportOperator(StudyResultOperator):
    """Write ImagingStudy, Observations and a preliminary DiagnosticReport in one transaction.

    Every resource is updated under a deterministic identifier, so a retry leaves the same
    resources. A report that a person has finalised, amended or rejected is never overwritten. The
    Patient is looked up by identifier and referred to; none is ever created. Versions share the
    report, so one that runs, or is cleared, after a later one has written leaves it as it is.

    Returns ``{"status": "preliminary", "observations": …}``, or the status ``superseded``.
    """

    def write(self, context: Context) -> dict[str, int | str]:
        from wetread.core.fhir.bundle import build_transaction
        from wetread.core.fhir.guard import guard_transaction
        from wetread.core.fhir.identifiers import report_identifier
        from wetread.core.fhir.study import study_facts
        from wetread.core.fhir.subject import patient_identifier, subject_reference

        subject, fhir = str(self.version), self.installation.fhir
        state = self.installation.state
        state.begin_report(self.version)
        findings = self.records.findings()
        uid = findings.study_instance_uid
        facts = study_facts(self.installation.dicomweb.study_metadata(uid, subject))
        identifier = patient_identifier(findings, facts)
        patient = (
            fhir.find("Patient", identifier.criterion, f"patient of {subject}")
            if identifier
            else None
        )
        bundle = build_transaction(
            findings,
            facts,
            subject_reference(findings, facts, patient["id"] if patient else None),
            anomaly_threshold=self.records.settings.anomaly_threshold,
        )
        name = report_identifier(uid, findings.settings_digest)
        existing = fhir.find("DiagnosticReport", name.criterion, f"report of {subject}")
        if state.is_superseded(self.version):
            self.log.info("A later version than %s has its report.", subject)
            return {"status": "superseded", "observations": 0}
        fhir.execute(guard_transaction(bundle, existing), f"report of {subject}")
        written = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
        result: dict[str, int | str] = {
            "status": "preliminary",
            "observations": written.count("Observation"),
        }
        self.log.info("Wrote the report of %s: %s", subject, result)
        return result
