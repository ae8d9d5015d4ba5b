"""Take a finished study's files out of ``incoming/``, and write down how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wetread.core.outcomes import Outcome, reasons
from wetread.notifiers.failure_event import EVENTS
from wetread.operators.discretion import discreet
from wetread.operators.study import StudyOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wetread.core.arrivals import SourceObject
    from wetread.core.findings import StudyFindings


class ArchiveSourceOperator(StudyOperator):
    """Move imported files to ``processed/`` and refused ones to ``failed/``, with their reason.

    Returns ``{"analysed", "skipped", "unsupported", "quarantined"}``, the instances of the study.
    """

    @discreet()
    def execute(self, context: Context) -> dict[str, int]:
        findings = self.records.findings()
        moved, refused = self._sort()
        incoming, subject = self.installation.incoming, f"source of {self.version}"
        # The refused go first: once the study's files are gone, an unreadable one would belong to
        # the next study in the folder, and be counted there as well.
        incoming.quarantine(refused, subject)
        incoming.archive(moved, subject)
        sources = (*moved, *(source for source, _ in refused))
        incoming.remove_markers({source.folder for source in sources})
        self.installation.state.write_summary(self.version, self._summary(findings))
        EVENTS.info("%s", self._event(findings))
        self.log.info("Archived %s: %s", self.version, findings.counts.as_dict())
        return findings.counts.as_dict()

    def _sort(self) -> tuple[list[SourceObject], list[tuple[SourceObject, str]]]:
        """Tell the files that were taken, or are copies of such, from those that were not."""
        not_stored = self.installation.state.find_import(self.version) or frozenset()
        moved, refused = [], []
        for source, header in self.records.manifest.accepted:
            if header.sop_instance_uid in not_stored:
                refused.append((source, "store-refused"))
            else:
                moved.append(source)
        for source, refusal in self.records.manifest.refused:
            if reasons()[refusal.reason].outcome is Outcome.QUARANTINED:
                refused.append((source, refusal.reason))
            else:
                moved.append(source)
        return moved, refused

    def _summary(self, findings: StudyFindings) -> dict[str, Any]:
        from wetread.core.alerts.alert import critical_alerts
        from wetread.core.terminology import public_modalities

        return {
            "study_key": self.version.study_key,
            "version": self.version.version,
            "modality": public_modalities(h.modality for h in self.records.manifest.instances),
            "instances": findings.counts.as_dict(),
            "findings": [
                {
                    "kind": candidate.kind,
                    "label": candidate.label,
                    "score": candidate.score,
                    "instance_number": candidate.image.instance_number,
                    "centre": list(candidate.region.centre) if candidate.region else None,
                }
                for candidate in findings.anomalies
            ],
            "coded_findings": [
                {
                    "code": finding.code,
                    "score": finding.score,
                    "instance_number": finding.image.instance_number,
                    "centre": list(finding.region.centre) if finding.region else None,
                    "point_mm": list(finding.point_mm) if finding.point_mm else None,
                    "measurements": {m.code: m.value for m in finding.measurements},
                }
                for finding in findings.findings
            ],
            **self._reports(),
            "alert": bool(critical_alerts(findings)),
        }

    def _reports(self) -> dict[str, str | int | None]:
        """Say what became of the version's report, and how many of the study's a person signed."""
        from wetread.core.fhir.filing import SIGNED_STATUSES, latest_edition
        from wetread.gcp.study_reports import find_reports

        records = self.records
        uid, report_id = records.manifest.study_instance_uid, records.report_id
        reports = find_reports(self.installation.fhir, uid, str(self.version))
        latest = latest_edition(reports, report_id) if report_id else None
        return {
            "report_status": str(latest["status"]) if latest else None,
            "signed_reports": sum(report["status"] in SIGNED_STATUSES for report in reports),
        }

    def _event(self, findings: StudyFindings) -> str:
        from wetread.core.events import study_event
        from wetread.gcp.vision_analysis import VISION_MODEL

        sealed_at = datetime.fromisoformat(self.records.manifest.sealed_at)
        seconds = (datetime.now(UTC) - sealed_at).total_seconds()
        return study_event(findings, seconds=seconds, versions=dict([VISION_MODEL])).json_line()
