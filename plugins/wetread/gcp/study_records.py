"""What the state bucket holds of one study version, read for the tasks that write results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from wetread.core.canonical import digest
from wetread.core.findings import AnalysisFindings, AnalysisName, StudyFindings, merge
from wetread.core.identity import StudyVersion
from wetread.core.manifest import Manifest
from wetread.core.plan import Plan, findings_before_analysis, make_plan
from wetread.core.report_lineage import Basis, BegunReport, begin_report
from wetread.core.settings import Settings
from wetread.gcp.state import StudyState
from wetread.gcp.superseded import superseded_by


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
        """Write the findings of an analysis, and what they supersede; the first writer wins."""
        digest_of = self._digest(findings.name)
        complete = replace(findings, supersedes=superseded_by(findings, self))
        return self.state.record_findings(self.study.study_key, digest_of, complete)

    def findings(self) -> StudyFindings:
        """Return the study's findings: what the live analyses that succeeded found, merged."""
        before = findings_before_analysis(self.manifest, self.plan, self.plan.digest)
        return merge(before, self._shown())

    @property
    def report_id(self) -> str | None:
        """The id of the report that the version writes, or nothing while it has not begun."""
        begun = self.state.find_begun_report(self.study)
        return begun.report_id if begun else None

    def begin_report(self) -> BegunReport:
        """Fix which of the study's reports this version writes; the first answer holds."""
        return self.state.find_begun_report(self.study) or self.state.begin_report(
            self.study,
            begin_report(
                self.manifest.study_instance_uid,
                self._basis,
                self.state.earlier_reports(self.study),
            ),
        )

    @property
    def _basis(self) -> Basis:
        models = self.manifest.models
        return Basis(
            settings_digest=self.plan.settings_digest,
            analyses={
                analysis.id: digest([self.plan.digest_of(analysis.id), models.get(analysis.id, "")])
                for _, analysis in self.plan.shown()
            },
        )

    def _shown(self) -> Iterator[AnalysisFindings]:
        for row, analysis in self.plan.shown():
            if found := self.find(AnalysisName(row.row_id, analysis.id)):
                yield found

    @cached_property
    def earlier(self) -> tuple[StudyRecords, ...]:
        """The records of the versions before this one, newest first, each read where it is used."""
        return tuple(
            replace(self, study=StudyVersion(self.study.study_key, number))
            for number in range(self.study.version - 1, 0, -1)
        )

    def _digest(self, name: AnalysisName) -> str:
        """Return the digest that names what a model, under its settings, found in a content.

        What the store refused is no content: a later version may bring the instance again, and
        then has it analysed.
        """
        content = [self.manifest.digest, sorted(self.refused)]
        model = self.manifest.models.get(name.analysis_id, "")
        return digest([*content, self.settings_digest_of(name.analysis_id), model])
