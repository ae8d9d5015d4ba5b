"""What the state bucket holds of one study version, read for the tasks that write results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from wetread.core.canonical import digest
from wetread.core.findings import AnalysisFindings, AnalysisName, StudyFindings, merge
from wetread.core.identity import StudyVersion
from wetread.core.manifest import Manifest
from wetread.core.plan import Plan, findings_before_analysis, make_plan
from wetread.core.settings import Settings
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

    def settings_digest_of(self, analysis_id: str) -> str:
        """Return the digest of what determines an analysis' findings besides the images."""
        return self.plan.digest_of(analysis_id)

    def find(self, name: AnalysisName) -> AnalysisFindings | None:
        """Return the findings of an analysis if it succeeded before."""
        return self.state.find_findings(self.study.study_key, self._digest(name), name)

    def record(self, findings: AnalysisFindings) -> AnalysisFindings:
        """Write the findings of an analysis; the first writer wins."""
        digest_of = self._digest(findings.name)
        return self.state.record_findings(self.study.study_key, digest_of, findings)

    def findings(self) -> StudyFindings:
        """Return the study's findings: what the live analyses that succeeded found, merged."""
        before = findings_before_analysis(self.manifest, self.plan, self.plan.digest)
        return merge(before, self._shown())

    def _shown(self) -> Iterator[AnalysisFindings]:
        for row, analysis in self.plan.shown():
            if found := self.find(AnalysisName(row.row_id, analysis.id)):
                yield found

    def _digest(self, name: AnalysisName) -> str:
        """Return the digest that names what a model, under its settings, found in a content.

        What the store refused is no content: a later version may bring the instance again, and
        then has it analysed.
        """
        content = [self.manifest.digest, sorted(self.refused)]
        model = self.manifest.models.get(name.analysis_id, "")
        return digest([*content, self.settings_digest_of(name.analysis_id), model])
