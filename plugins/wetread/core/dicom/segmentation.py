"""The segmentation: which pixels of which images a finding covers, one segment per finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydicom import Dataset

from wetread.core.dicom.geometry import patient_orientation
from wetread.core.dicom.masks import covers, masked_images, segment_pixels
from wetread.core.dicom.model import algorithm_sequence, code, enhanced_equipment, long_string
from wetread.core.dicom.names import ResultName, tracking_uid
from wetread.core.dicom.parts import segmented_parts
from wetread.core.dicom.sealing import restore_references, seal
from wetread.core.dicom.series import series_arguments
from wetread.core.dicom.source import copy_image_facts
from wetread.core.dicom.stand_in import image_size, placed_stand_in
from wetread.core.findings import AnalysisFindings, Finding, Mask
from wetread.core.terminology import finding_concept

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription

_SHARED = ("SeriesInstanceUID", "Rows", "Columns", "FrameOfReferenceUID")
_SHARED_NUMBERS = ("ImageOrientationPatient", "PixelSpacing")
"""What images must have in common to be segmented in one object."""

_ROUNDING = 1e-4
"""Direction cosines and millimetres are decimal strings, which modalities round slice by slice."""

_FRAME_NUMBER = 1
"""A mask covers first frames only (``wetread.core.predictions.found``)."""


class _Segment(NamedTuple):
    """A finding with a mask, and its place in ``AnalysisFindings.seen``, from 1."""

    place: int
    finding: Finding
    mask: Mask


def build_segmentation(
    analysis: AnalysisFindings, headers: Mapping[str, Dataset], name: ResultName
) -> bytes | None:
    """Build a binary segmentation (PS3.3 A.51) of those findings of a part that cover anything.

    Returns
    -------
    None where there is nothing to show, and where the headers do not place the images in one
    volume: a segmentation that leaves out some of them would be a wrong one.

    Parameters
    ----------
    headers : of the images that masks cover, by SOPInstanceUID; others do not matter
    """
    from highdicom.seg import Segmentation

    parts = segmented_parts(analysis)
    found = [(place, analysis.findings[place - 1]) for place in parts[name.about]]
    segments = [
        _Segment(place, finding, finding.mask)
        for place, finding in found
        if finding.mask and _is_on(finding.mask, headers)
    ]
    masks = [segment.mask for segment in segments]
    uids = masked_images(masks)
    sources = [placed_stand_in(headers[uid]) for uid in uids]
    if not _are_of_one_volume(sources):
        return None
    first, header = sources[0], headers[uids[0]]
    for source in sources:
        for keyword in filter(first.__contains__, _SHARED_NUMBERS):
            source[keyword] = first[keyword]
    segmentation = Segmentation(
        source_images=sources,
        pixel_array=segment_pixels(masks, first.Rows, first.Columns),
        segmentation_type="BINARY",
        segment_descriptions=[
            _description(number, segment, first.StudyInstanceUID, analysis)
            for number, segment in enumerate(segments, 1)
        ],
        content_label="AI_FINDINGS",
        content_description="Preliminary, not for clinical use",
        **series_arguments(name, 1 + list(parts).index(name.about)),
        **enhanced_equipment(analysis.source),
    )
    restore_references(segmentation, headers)
    for groups in segmentation.PerFrameFunctionalGroupsSequence:
        restore_references(groups, headers, {uid: [_FRAME_NUMBER] for uid in uids})
    if "FrameOfReferenceUID" not in segmentation:
        segmentation.PatientOrientation = patient_orientation(header, _FRAME_NUMBER)
    copy_image_facts(header, segmentation)
    return seal(segmentation, header, analysis)


def _is_on(mask: Mask, headers: Mapping[str, Dataset]) -> bool:
    return covers(mask, *image_size(headers[mask.sop_instance_uids[0]]))


def _are_of_one_volume(sources: Sequence[Dataset]) -> bool:
    if len(sources) < 2:
        return bool(sources)
    first = sources[0]
    positions = {tuple(source.get("ImagePositionPatient", ())) for source in sources}
    return len(positions) == len(sources) and all(
        all(source.get(keyword) == first.get(keyword) for keyword in _SHARED)
        and all(_agree(source.get(name), first.get(name)) for name in _SHARED_NUMBERS)
        for source in sources
    )


def _agree(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    if not one or not other:
        return not one and not other
    return bool(np.allclose(one, other, rtol=0, atol=_ROUNDING))


def _description(
    number: int, segment: _Segment, study_instance_uid: str, analysis: AnalysisFindings
) -> SegmentDescription:
    from highdicom.seg import SegmentDescription

    found = finding_concept(segment.finding.code)
    return SegmentDescription(
        segment_number=number,
        segment_label=long_string(found.label),
        segmented_property_category=code(found.category),
        segmented_property_type=code(found),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm_sequence(analysis.source),
        tracking_uid=tracking_uid(study_instance_uid, analysis, segment.place),
        tracking_id=long_string(f"{found.label} {segment.place}"),
        anatomic_regions=[code(found.site)] if found.site else None,
    )
