"""What a structured report says of one finding, candidate or absence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, VLWholeSlideMicroscopyImageStorage

from wetread.core.dicom.model import algorithm, code, printable
from wetread.core.dicom.names import tracking_uid
from wetread.core.dicom.parts import SLIDE_MODALITY
from wetread.core.dicom.places import image_corners, matrix_corners, slide_corners_mm
from wetread.core.dicom.stand_in import is_multi_frame
from wetread.core.dicom.uids import derive_uid
from wetread.core.findings import Absence, AnalysisFindings, Candidate, CandidateKind, Finding
from wetread.core.findings import Measurement as FoundMeasurement
from wetread.core.terminology import Concept, concept, finding_concept, unit_concept

if TYPE_CHECKING:
    from highdicom.sr import (
        FindingSite,
        ImageRegion,
        ImageRegion3D,
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        TrackingIdentifier,
    )

    Group: TypeAlias = (
        PlanarROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations
    )

CANDIDATE_CONCEPTS = {
    CandidateKind.ANOMALY: "anomaly-candidate",
    CandidateKind.OBJECT: "object-candidate",
}
"""A candidate is coded as one, and never as what it may be taken for."""


def group_of(
    seen: Finding | Candidate, number: int, header: Dataset, analysis: AnalysisFindings
) -> Group:
    """Return the measurements of something seen, with its region (PS3.16 TID 1410) if it has one.

    Without a region the whole image is the source (TID 1501).

    Parameters
    ----------
    number : its place in ``analysis.seen``, from 1
    header : of the image it was seen on
    """
    from highdicom.sr import (
        MeasurementsAndQualitativeEvaluations,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        SourceImageForMeasurementGroup,
    )

    uid = tracking_uid(str(header.StudyInstanceUID), analysis, number)
    arguments: dict[str, Any] = {
        "tracking_identifier": _tracking(uid, f"{seen.label} {number}"),
        "finding_type": code(seen_concept(seen)),
        "algorithm_id": algorithm(analysis.source),
        "measurements": [*_scores(seen), *_sizes(seen)],
    }
    if isinstance(seen, Finding):
        arguments["finding_sites"] = _sites(seen.code)
    if region := _region(seen, header, analysis.modality):
        return PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **arguments)
    image = SourceImageForMeasurementGroup(*_image(seen, header))
    return MeasurementsAndQualitativeEvaluations(source_images=[image], **arguments)


def absence_group(absence: Absence, header: Dataset, analysis: AnalysisFindings) -> Group:
    """Return that a finding was looked for and is absent, with the best score that stayed below.

    The group has no finding, so that nobody who overlooks the evaluation takes it for one.

    Parameters
    ----------
    header : of any image of the study
    """
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, QualitativeEvaluation

    sought = finding_concept(absence.code)
    uid = derive_uid(str(header.StudyInstanceUID), analysis.digest, "absence", absence.code)
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(uid, f"{sought.label}: looked for, absent"),
        algorithm_id=algorithm(analysis.source),
        finding_sites=_sites(absence.code),
        measurements=_scores(absence),
        qualitative_evaluations=[QualitativeEvaluation(code(sought), code(concept("absent")))],
    )


def nothing_seen_group(header: Dataset, analysis: AnalysisFindings) -> Group:
    """Return that an analysis without codes of its own looked for candidates and saw none.

    A measurement report holds at least one group (PS3.16 TID 1500, row 6).

    Parameters
    ----------
    header : of any image of the study
    """
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, QualitativeEvaluation

    sought = concept(CANDIDATE_CONCEPTS[CandidateKind.ANOMALY])
    uid = derive_uid(str(header.StudyInstanceUID), analysis.digest, "nothing-seen")
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(uid, f"{sought.display}: looked for, absent"),
        algorithm_id=algorithm(analysis.source),
        qualitative_evaluations=[QualitativeEvaluation(code(sought), code(concept("absent")))],
    )


def seen_concept(seen: Finding | Candidate) -> Concept:
    """Return what is coded as seen."""
    if isinstance(seen, Finding):
        return finding_concept(seen.code)
    return concept(CANDIDATE_CONCEPTS[seen.kind])


def _tracking(uid: str, identifier: str) -> TrackingIdentifier:
    from highdicom.sr import TrackingIdentifier

    return TrackingIdentifier(uid=uid, identifier=printable(identifier))


def _sites(finding_code: str) -> list[FindingSite] | None:
    from highdicom.sr import FindingSite

    site = finding_concept(finding_code).site
    return [FindingSite(anatomic_location=code(site))] if site else None


def _scores(judged: Finding | Candidate | Absence) -> list[Measurement]:
    values = [("score", judged.score)]
    if not isinstance(judged, Candidate):
        values.append(("threshold", judged.threshold))
    return [_measurement(concept(name), value, concept("no-units")) for name, value in values]


def _sizes(seen: Finding | Candidate) -> list[Measurement]:
    found: Sequence[FoundMeasurement] = seen.measurements if isinstance(seen, Finding) else ()
    return [_measurement(concept(f.code), f.value, unit_concept(f.unit)) for f in found]


def _measurement(name: Concept, value: float, unit: Concept) -> Measurement:
    from highdicom.sr import Measurement

    return Measurement(name=code(name), value=value, unit=code(unit))


def _region(
    seen: Finding | Candidate, header: Dataset, modality: str
) -> ImageRegion | ImageRegion3D | None:
    """Return where it is: on the slide if that can be said, else in the pixels of the image.

    Radiology viewers show regions in pixels, slide viewers those in millimetres.
    """
    from highdicom.sr import ImageRegion, ImageRegion3D, SourceImageForRegion

    if seen.region is None:
        return None
    if modality == SLIDE_MODALITY:
        on_matrix = matrix_corners(seen.region, header, seen.image.frame_number)
        on_slide = None if on_matrix is None else slide_corners_mm(on_matrix, header)
        if on_slide is not None:
            return ImageRegion3D("POLYGON", _closed(on_slide), str(header.FrameOfReferenceUID))
    in_image = image_corners(seen.region, header)
    if in_image is None:
        return None
    source = SourceImageForRegion(*_image(seen, header))
    region = ImageRegion("POLYLINE", _closed(in_image), source)
    if header.SOPClassUID == VLWholeSlideMicroscopyImageStorage:
        region.PixelOriginInterpretation = "FRAME"  # and not the total pixel matrix
    return region


def _closed(corners: Any) -> Any:
    return np.vstack([corners, corners[:1]])


def _image(seen: Finding | Candidate, header: Dataset) -> tuple[str, str, list[int] | None]:
    """Return highdicom's arguments for a reference, of the class of stand-ins."""
    frames = [seen.image.frame_number] if is_multi_frame(header) else None
    return SecondaryCaptureImageStorage, str(header.SOPInstanceUID), frames
