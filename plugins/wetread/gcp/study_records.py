"""What the state bucket holds of one study version, read for the tasks that write results."""

from __future__ import annotations

from collections.abc import Collection
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
    """The manifest, the plan and the findings of one version.

    ``current`` are the settings of today.
    """

    study: StudyVersion
    state: StudyState
    current: Settings

    @cached_property
    def manifest(self) -> Manifest:
        return self.state.manifest(self.study)

    @cached_property
    def settings(self) -> Settings:
        """The settings that the version was sealed with, as far as they concern its analysis."""
        return self.current.with_analysis(self.manifest.analysis)

    @cached_property
    def refused(self) -> frozenset[str]:
        """The SOPInstanceUIDs that the store did not take."""
        return self.state.find_import(self.study) or frozenset()

    @cached_property
    def plan(self) -> Plan:
        return make_plan(self.manifest, self.refused)

    @cached_property
    def findings_digest(self) -> str:
        """The digest of what determines the findings: content, model and settings."""
        source = AnalysisSource(*VISION_MODEL, settings_digest=self.settings.analysis_digest)
        return findings_digest(self.manifest, self.refused, source)

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


def findings_digest(manifest: Manifest, refused: Collection[str], source: AnalysisSource) -> str:
    """Return the digest that names what a model, under its settings, found in a content.

    What the store refused is no content: a later version may bring the instance again, and then
    has it analysed.
    """
    content = [manifest.digest, sorted(refused)]
    return digest([*content, source.name, source.version, source.settings_digest])
