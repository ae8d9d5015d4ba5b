"""What is known of one study, gathered for a page: the claim, the findings, the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from wetread.core.claim import Claim
from wetread.core.dicom.key_image import key_image_uids
from wetread.core.dicom.names import best_image
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.identifiers import report_identifier, study_identifier
from wetread.core.findings import AnalysisFindings, Candidate, Finding, StudyFindings
from wetread.core.identity import StudyVersion
from wetread.gcp.study_records import StudyRecords
from wetread.hooks.installation import Installation

OBSERVATIONS_SHOWN = 8
"""Candidates that a page lists, the best first; all of them are in the FHIR store."""


@dataclass(frozen=True)
class KeyImage:
    """One of the pipeline's key images; ``number`` counts from 1: findings, then high scores."""

    number: int
    marked: tuple[Finding | Candidate, ...]
    analysis: AnalysisFindings
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class Report:
    """A report, the findings it was written from, and what it refers to."""

    resource: Resource
    findings: StudyFindings

    @property
    def is_of_its_findings(self) -> bool:
        """Whether the report's time of issue is that of the findings."""
        issued, created_at = self.resource.get("issued"), self.findings.created_at
        if not issued:
            return False
        return datetime.fromisoformat(issued) == datetime.fromisoformat(created_at)

    @property
    def key_images(self) -> tuple[KeyImage, ...]:
        """The key images that these findings lead to; the store may lack one."""
        marked = [(best_image(a), a) for a in self.findings.analyses]
        ranked = sorted(
            ((image, a) for image, a in marked if image),
            key=lambda pair: (
                not pair[1].findings,
                -max(seen.score for seen in pair[0]),
                pair[1].name,
            ),
        )
        return tuple(
            KeyImage(number, tuple(image), analysis, *key_image_uids(self._study_uid, analysis))
            for number, (image, analysis) in enumerate(ranked, 1)
        )

    @property
    def _study_uid(self) -> str:
        return self.findings.study_instance_uid


class StudyResults:
    """One study, read as a page needs it.

    Parameters
    ----------
    claim
        Names the study and its versions.
    """

    def __init__(self, installation: Installation, claim: Claim) -> None:
        self._installation = installation
        self.claim = claim

    @cached_property
    def summaries(self) -> Mapping[int, dict[str, Any] | None]:
        """How each version ended, by its number; nothing for one that has not."""
        key, state = self.claim.study_key, self._installation.state
        return {
            v.version: state.find_summary(StudyVersion(key, v.version)) for v in self.claim.versions
        }

    @cached_property
    def report(self) -> Report | None:
        """The newest version's report that was written.

        Versions of the same model and settings share one report, which says by its time of issue
        whose findings it holds. A person who signs it changes that time; then the newest counts.
        """
        reports = []
        for report in self._reports():
            if report.is_of_its_findings:
                return report
            reports.append(report)
        return next(iter(reports), None)

    @cached_property
    def observations(self) -> list[Resource]:
        """The first of the report's Observations, which are ordered by rank."""
        if self.report is None:
            return []
        references = [item["reference"] for item in self.report.resource.get("result", [])]
        subject = f"observations of {self.claim.study_key}"
        return self._installation.fhir.read_all(references[:OBSERVATIONS_SHOWN], subject)

    @cached_property
    def imaging_study(self) -> Resource | None:
        criterion = study_identifier(self.claim.study_instance_uid).criterion
        subject = f"imaging study of {self.claim.study_key}"
        return self._installation.fhir.find("ImagingStudy", criterion, subject)

    @cached_property
    def key_images(self) -> tuple[KeyImage, ...]:
        """The report's key images that the DICOM store holds."""
        if self.report is None or not self.report.key_images:
            return ()
        uid, subject = self.claim.study_instance_uid, f"key images of {self.claim.study_key}"
        stored = self._installation.dicomweb.instance_uids(uid, subject)
        return tuple(k for k in self.report.key_images if k.sop_instance_uid in stored)

    def key_image_png(self, number: int) -> bytes | None:
        """Return a key image as PNG, or nothing when there is no such one."""
        for image in self.key_images:
            if image.number == number:
                return self._installation.dicomweb.retrieve_rendered(
                    self.claim.study_instance_uid,
                    image.series_instance_uid,
                    image.sop_instance_uid,
                    f"key image {number} of {self.claim.study_key}",
                )
        return None

    def _reports(self) -> Iterator[Report]:
        """Read the versions' reports, newest version first."""
        state, fhir = self._installation.state, self._installation.fhir
        for claimed in reversed(self.claim.versions):
            study = StudyVersion(self.claim.study_key, claimed.version)
            if state.find_manifest(study) is None:
                continue
            findings = StudyRecords(study, state, self._installation.settings).findings()
            name = report_identifier(findings.study_instance_uid, findings.settings_digest)
            report = fhir.find("DiagnosticReport", name.criterion, f"report of {study}")
            if report:
                yield Report(report, findings)


def find_results(installation: Installation, study_key: str) -> StudyResults | None:
    """Return what is known of a study, or nothing when no study has the key."""
    claimed = installation.state.read_claim(study_key)
    return StudyResults(installation, claimed.claim) if claimed else None
