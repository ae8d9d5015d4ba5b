"""What is known of one study, gathered for a page: the claim, the findings, the reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wetread.core.claim import Claim
from wetread.core.dicom.names import ResultKind, ResultName, result_names
from wetread.core.fhir.elements import Resource
from wetread.core.fhir.filing import carries, latest_edition, result_references
from wetread.core.fhir.identifiers import content_identifier, study_identifier
from wetread.core.findings import StudyFindings
from wetread.core.identity import StudyVersion
from wetread.documents.figures import MarkedImage, ranked_images
from wetread.gcp.study_records import StudyRecords
from wetread.gcp.study_reports import find_reports
from wetread.hooks.installation import Installation
from wetread.views.presented_document import binary_reference, document_of

OBSERVATIONS_SHOWN = 24
"""Findings, absences and candidates that a page lists, in the report's order."""


@dataclass(frozen=True)
class KeyImage:
    """One of the pipeline's key images; ``number`` counts from 1: findings, then high scores."""

    number: int
    image: MarkedImage
    name: ResultName


@dataclass(frozen=True)
class Report:
    """A report, the findings that it holds, and the objects that go with it."""

    resource: Resource
    findings: StudyFindings

    @property
    def is_of_its_findings(self) -> bool:
        """Whether the report says that it holds just these findings."""
        return carries(self.resource, content_identifier(self.findings))

    @cached_property
    def objects(self) -> tuple[ResultName, ...]:
        """The DICOM objects that these findings become; the store may lack some."""
        uid = self.findings.study_instance_uid
        return tuple(name for a in self.findings.analyses for name in result_names(uid, a))

    @property
    def key_images(self) -> Iterator[KeyImage]:
        """The key images among the objects, by rank."""
        uid = self.findings.study_instance_uid
        for number, image in enumerate(ranked_images(self.findings), 1):
            for name in result_names(uid, image.analysis):
                if name.kind == ResultKind.KEY_IMAGE:
                    yield KeyImage(number, image, name)


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
        state = self._installation.state
        return {v.version: state.find_summary(self._study(v.version)) for v in self.claim.versions}

    @cached_property
    def family(self) -> Sequence[Resource]:
        """All reports that the study has: its lineages and their editions."""
        key, uid = self.claim.study_key, self.claim.study_instance_uid
        return find_reports(self._installation.fhir, uid, key)

    @cached_property
    def report_ids(self) -> Mapping[int, str]:
        """The id of the report that each version has begun to write, by its number."""
        state = self._installation.state
        begun = (
            (v.version, state.find_begun_report(self._study(v.version)))
            for v in self.claim.versions
        )
        return {number: report.report_id for number, report in begun if report}

    @cached_property
    def report(self) -> Report | None:
        """The newest version's report that was written, in its newest edition.

        A report names the content that it holds. Where none holds a version's findings - they were
        completed since, or a person changed the report - the newest counts.
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
        references = result_references(self.report.resource)
        subject = f"observations of {self.claim.study_key}"
        return self._installation.fhir.read_all(references[:OBSERVATIONS_SHOWN], subject)

    @cached_property
    def imaging_study(self) -> Resource | None:
        criterion = study_identifier(self.claim.study_instance_uid).criterion
        subject = f"imaging study of {self.claim.study_key}"
        return self._installation.fhir.find("ImagingStudy", criterion, subject)

    @cached_property
    def stored_uids(self) -> frozenset[str]:
        """The SOPInstanceUIDs of the study that the DICOM store lists."""
        uid, subject = self.claim.study_instance_uid, f"objects of {self.claim.study_key}"
        return self._installation.dicomweb.instance_uids(uid, subject)

    @cached_property
    def key_images(self) -> tuple[KeyImage, ...]:
        """The report's key images that the DICOM store holds."""
        if self.report is None:
            return ()
        return tuple(
            image
            for image in self.report.key_images
            if image.name.sop_instance_uid in self.stored_uids
        )

    def key_image_png(self, number: int) -> bytes | None:
        """Return a key image as PNG, or nothing when there is no such one."""
        for image in self.key_images:
            if image.number == number:
                return self._installation.dicomweb.retrieve_rendered(
                    self.claim.study_instance_uid,
                    image.name.series_instance_uid,
                    image.name.sop_instance_uid,
                    f"key image {number} of {self.claim.study_key}",
                )
        return None

    def document(self) -> bytes | None:
        """Return the report's readable document, or nothing while it has none."""
        reference = binary_reference(self.report.resource) if self.report else None
        if reference is None:
            return None
        subject = f"document of {self.claim.study_key}"
        found = self._installation.fhir.read_all([reference], subject)
        return document_of(found[0]) if found else None

    def _study(self, version: int) -> StudyVersion:
        return StudyVersion(self.claim.study_key, version)

    def _reports(self) -> Iterator[Report]:
        """Return the versions' reports, newest version first."""
        state, settings = self._installation.state, self._installation.settings
        for version in sorted(self.report_ids, reverse=True):
            resource = latest_edition(self.family, self.report_ids[version])
            if resource:
                records = StudyRecords(self._study(version), state, settings)
                yield Report(resource, records.findings())


def find_results(installation: Installation, study_key: str) -> StudyResults | None:
    """Return what is known of a study, or nothing when no study has the key."""
    claimed = installation.state.read_claim(study_key)
    return StudyResults(installation, claimed.claim) if claimed else None
