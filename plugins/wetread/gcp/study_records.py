"""What the state bucket holds of one study version, read for the tasks that write results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from wetread.core.canonical import digest
from wetread.core.findings import AnalysisFindings, AnalysisSource, StudyFindings, merge
from wetread.core.identity import StudyVersion
from wetread.core.manifest import Manifest
from wetread.core.plan import Plan, findings_before_analysis, make_plan
from wetread.core.settings import Settings
from wetread.gcp.analysis import VISION_MODEL
from wetread.gcp.state import StudyState


@dataclass(frozen=True)
class StudyRecords:
    """The manifest, the plan and the findings of one version."""

    study: StudyVersion
    state: StudyState
    settings: Settings

    @cached_property
    def manifest(self) -> Manifest:
        return self.state.manifest(self.study)

    @cached_property
    def plan(self) -> Plan:
        return make_plan(self.manifest, self.state.find_import(self.study) or frozenset())

    @cached_property
    def findings_digest(self) -> str:
        """The digest of what determines the findings: content, model and settings."""
        source = AnalysisSource(*VISION_MODEL, settings_digest=self.settings.analysis_digest)
        return findings_digest(self.manifest, source)

    def find_row(self, row_id: str) -> AnalysisFindings | None:
        """Return the findings of a plan row if it was analysed before."""
        return self.state.find_findings(self.study.study_key, self.findings_digest, row_id)

    def record_row(self, findings: AnalysisFindings) -> AnalysisFindings:
        """Write the findings of a plan row; the first writer wins."""
        return self.state.record_findings(self.study.study_key, self.findings_digest, findings)

    def findings(self) -> StudyFindings:
        """Return the study's findings: what the rows that succeeded found, merged."""
        before = findings_before_analysis(self.manifest, self.plan, self.settings.analysis_digest)
        rows = (self.find_row(row.row_id) for row in self.plan.rows)
        return merge(before, [row for row in rows if row])


def findings_digest(manifest: Manifest, source: AnalysisSource) -> str:
    """Return the digest that names what a model, under its settings, found in a content."""
    return digest([manifest.digest, source.name, source.version, source.settings_digest])
