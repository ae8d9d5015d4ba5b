"""The structured report: every finding, candidate and absence with its place, size and score.

A measurement report (PS3.16 TID 1500) by a device. It is preliminary and unverified: only a person
makes a result final.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydicom import Dataset

from wetread.core.dicom.measurement_groups import absence_group, group_of, nothing_seen_group
from wetread.core.dicom.model import code, coding_schemes, equipment, observer
from wetread.core.dicom.names import ResultKind, ResultName, result_name
from wetread.core.dicom.sealing import restore_references, seal
from wetread.core.dicom.series import series_arguments
from wetread.core.dicom.stand_in import stand_in
from wetread.core.findings import AnalysisFindings, Candidate, CandidateKind, Finding
from wetread.core.terminology import Concept, concept, procedure_concept

GROUP_LIMIT: Final = 200
"""How many get a measurement group, the best first: findings, anomalies, then objects.

A group takes a hundredth of a second or more to make, and nobody reads so many; the others are in
the FHIR store and, on slides, in the annotations.
"""

_RANKS: Final = (Finding.kind, CandidateKind.ANOMALY, CandidateKind.OBJECT)


def build_structured_report(
    analysis: AnalysisFindings, headers: Mapping[str, Dataset], name: ResultName
) -> bytes:
    """Build the report of one analysis, with what was looked for and is absent.

    Parameters
    ----------
    headers : of the images that anything was seen on, by SOPInstanceUID; at least one
    """
    from highdicom.sr import Comprehensive3DSR, MeasurementReport, ObservationContext

    first = next(iter(headers.values()))
    evidence = [stand_in(header) for header in headers.values()]
    groups = [
        *(
            group_of(seen, number, headers[seen.image.sop_instance_uid], analysis)
            for number, seen in _reported(analysis)
        ),
        *(absence_group(absence, first, analysis) for absence in analysis.absences),
    ]
    content = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer(analysis.source)),
        procedure_reported=code(_procedure(analysis, first)),
        imaging_measurements=groups or [nothing_seen_group(first, analysis)],
        title=code(concept("imaging-measurement-report")),
    )
    report = Comprehensive3DSR(
        evidence=evidence,
        content=content,
        is_complete=True,
        is_final=False,
        is_verified=False,
        previous_versions=_predecessors(evidence[0].StudyInstanceUID, analysis),
        coding_schemes=coding_schemes(),
        **series_arguments(name),
        **equipment(analysis.source),
    )
    restore_references(report, headers)
    return seal(report, first, analysis)


def _reported(analysis: AnalysisFindings) -> list[tuple[int, Finding | Candidate]]:
    """Return what gets a group, in its order and with its place in ``analysis.seen``, from 1."""

    def rank(place: tuple[int, Finding | Candidate]) -> tuple[int, float, int]:
        number, seen = place
        return _RANKS.index(seen.kind), -seen.score, number

    return sorted(sorted(enumerate(analysis.seen, 1), key=rank)[:GROUP_LIMIT])


def _procedure(analysis: AnalysisFindings, header: Dataset) -> Concept:
    body_part = str(header.get("BodyPartExamined") or "").strip().upper()
    return procedure_concept({analysis.modality}, {body_part})


def _predecessors(study_instance_uid: str, analysis: AnalysisFindings) -> list[Dataset] | None:
    """Return the report of what these findings supersede (PS3.3 C.17.2.3)."""
    if not analysis.supersedes:
        return None
    name = result_name(study_instance_uid, analysis.supersedes, ResultKind.STRUCTURED_REPORT)
    predecessor = Dataset()
    predecessor.StudyInstanceUID = study_instance_uid
    predecessor.SeriesInstanceUID = name.series_instance_uid
    predecessor.SOPInstanceUID = name.sop_instance_uid
    predecessor.SOPClassUID = name.sop_class_uid
    return [predecessor]
