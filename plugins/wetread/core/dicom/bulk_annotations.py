"""Bulk annotations: everything marked on a slide, in the form that slide viewers draw fast."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from pydicom import Dataset

from wetread.core.dicom.measurement_groups import seen_concept
from wetread.core.dicom.model import (
    algorithm_sequence,
    code,
    coding_schemes,
    enhanced_equipment,
    long_string,
)
from wetread.core.dicom.names import ResultName
from wetread.core.dicom.parts import annotated_slides
from wetread.core.dicom.places import Corners, matrix_corners, slide_corners_mm
from wetread.core.dicom.sealing import restore_references, seal
from wetread.core.dicom.series import series_arguments
from wetread.core.dicom.source import copy_specimen
from wetread.core.dicom.stand_in import stand_in
from wetread.core.dicom.uids import derive_uid
from wetread.core.findings import AnalysisFindings, Candidate, Finding
from wetread.core.terminology import Concept, concept, finding_concept

if TYPE_CHECKING:
    from highdicom.ann import AnnotationGroup

    Placed = list[tuple[Finding | Candidate, Corners]]


def build_bulk_annotations(
    analysis: AnalysisFindings, header: Dataset, name: ResultName
) -> bytes | None:
    """Build the annotations (PS3.3 A.87) of one slide image, in millimetres on the slide.

    They are in pixels of the total pixel matrix where the header does not say where that lies.

    Returns
    -------
    None where the header does not even say where the tiles lie in the matrix.
    """
    from highdicom.ann import MicroscopyBulkSimpleAnnotations

    source = stand_in(header)
    source.FrameOfReferenceUID = str(header.get("FrameOfReferenceUID") or "")
    source.PositionReferenceIndicator = str(header.get("PositionReferenceIndicator") or "")
    placed = [
        (seen, matrix_corners(seen.region, header, seen.image.frame_number))
        for seen in analysis.marked
        if seen.region and seen.image.sop_instance_uid == source.SOPInstanceUID
    ]
    in_pixels = [(seen, corners) for seen, corners in placed if corners is not None]
    if len(in_pixels) < len(placed):
        return None
    on_slide = [(seen, slide_corners_mm(corners, header)) for seen, corners in in_pixels]
    in_mm = [(seen, corners) for seen, corners in on_slide if corners is not None]
    annotations = MicroscopyBulkSimpleAnnotations(
        source_images=[source],
        annotation_coordinate_type="3D" if in_mm else "2D",
        annotation_groups=_groups(in_mm or in_pixels, name, analysis),
        content_label="AI_FINDINGS",
        content_description="Preliminary, not for clinical use",
        coding_schemes=coding_schemes(),
        **series_arguments(name, 1 + annotated_slides(analysis).index(source.SOPInstanceUID)),
        **enhanced_equipment(analysis.source),
    )
    restore_references(annotations, {source.SOPInstanceUID: header})
    copy_specimen(header, annotations)
    return seal(annotations, header, analysis)


def _groups(placed: Placed, name: ResultName, analysis: AnalysisFindings) -> list[AnnotationGroup]:
    """Group what has the same label: a viewer shows, hides and counts groups."""
    from highdicom.ann import AnnotationGroup, Measurements

    groups: dict[tuple[str, str], Placed] = defaultdict(list)
    for seen, corners in placed:
        groups[seen.kind, seen.label].append((seen, corners))
    return [
        AnnotationGroup(
            number=number,
            uid=derive_uid(name.sop_instance_uid, "group", kind, label),
            label=long_string(label) or long_string(kind),
            annotated_property_category=code(_category(group[0][0])),
            annotated_property_type=code(seen_concept(group[0][0])),
            graphic_type="RECTANGLE",
            graphic_data=[corners for _, corners in group],
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm_sequence(analysis.source),
            measurements=[
                Measurements(
                    name=code(concept("score")),
                    values=np.array([seen.score for seen, _ in group], np.float32),
                    unit=code(concept("no-units")),
                )
            ],
        )
        for number, ((kind, label), group) in enumerate(groups.items(), 1)
    ]


def _category(seen: Finding | Candidate) -> Concept:
    if isinstance(seen, Finding):
        return finding_concept(seen.code).category
    return concept("morphologically-abnormal-structure")
