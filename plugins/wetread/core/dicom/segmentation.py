"""The segmentation: which pixels of which images a finding covers, one segment per finding."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.dicom.model import algorithm_sequence, code, enhanced_equipment, long_string
from wetread.core.dicom.names import ResultName, tracking_uid
from wetread.core.dicom.sealing import restore_references, seal
from wetread.core.dicom.series import series_arguments
from wetread.core.dicom.source import copy_image_facts
from wetread.core.dicom.stand_in import placed_stand_in
from wetread.core.findings import AnalysisFindings, Finding, Mask
from wetread.core.terminology import finding_concept

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription

_SHARED = ("SeriesInstanceUID", "Rows", "Columns", "FrameOfReferenceUID", "ImageOrientationPatient")
"""What images must have in common to be segmented in one object."""


def build_segmentation(
    analysis: AnalysisFindings, headers: Mapping[str, Dataset], name: ResultName
) -> bytes | None:
    """Build a binary segmentation (PS3.3 A.51) of all findings that have a mask.

    Returns
    -------
    None where the headers do not place the covered images in one volume, and there are several: a
    segmentation that leaves out some of them would be a wrong one.

    Parameters
    ----------
    headers : of the images that masks cover, by SOPInstanceUID; others do not matter
    """
    from highdicom.seg import Segmentation

    masked = [(n, f.mask, f) for n, f in enumerate(analysis.findings, 1) if f.mask]
    uids = tuple(dict.fromkeys(uid for _, mask, _ in masked for uid in mask.sop_instance_uids))
    sources = [placed_stand_in(headers[uid]) for uid in uids]
    if not _are_of_one_volume(sources):
        return None
    study_uid, shape = sources[0].StudyInstanceUID, (sources[0].Rows, sources[0].Columns)
    segmentation = Segmentation(
        source_images=sources,
        pixel_array=_pixels([mask for _, mask, _ in masked], uids, shape),
        segmentation_type="BINARY",
        segment_descriptions=[
            _segment(segment, finding, tracking_uid(study_uid, analysis, number), analysis)
            for segment, (number, _, finding) in enumerate(masked, 1)
        ],
        content_label="AI_FINDINGS",
        content_description="Preliminary, not for clinical use",
        **series_arguments(name),
        **enhanced_equipment(analysis.source),
    )
    restore_references(segmentation, headers, {uid: [1] for uid in uids})
    copy_image_facts(headers[uids[0]], segmentation)
    return seal(segmentation, headers[uids[0]], analysis)


def _are_of_one_volume(sources: Sequence[Dataset]) -> bool:
    first = sources[0]
    if not first.Rows or not first.Columns:
        return False
    if len(sources) == 1:
        return True
    return "ImagePositionPatient" in first and all(
        source.get(keyword) == first.get(keyword) for source in sources for keyword in _SHARED
    )


def _pixels(
    masks: Sequence[Mask], uids: Sequence[str], shape: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Return the segments of each image, shape (images, rows, columns, segments)."""
    pixels = np.zeros((len(uids), *shape, len(masks)), np.uint8)
    places = {uid: place for place, uid in enumerate(uids)}
    for segment, mask in enumerate(masks):
        covered = _unpacked(mask)[
            :, : max(shape[0] - mask.row, 0), : max(shape[1] - mask.column, 0)
        ]
        rows = slice(mask.row, mask.row + covered.shape[1])
        columns = slice(mask.column, mask.column + covered.shape[2])
        for place, plane in zip(
            map(places.__getitem__, mask.sop_instance_uids), covered, strict=True
        ):
            pixels[place, rows, columns, segment] |= plane
    return pixels


def _unpacked(mask: Mask) -> npt.NDArray[np.uint8]:
    """Return a mask's own box, shape (images, rows, columns)."""
    shape = (len(mask.sop_instance_uids), mask.rows, mask.columns)
    bits = np.frombuffer(base64.b64decode(mask.bits), np.uint8)
    return np.unpackbits(bits, count=shape[0] * shape[1] * shape[2]).reshape(shape)


def _segment(
    number: int, finding: Finding, uid: str, analysis: AnalysisFindings
) -> SegmentDescription:
    from highdicom.seg import SegmentDescription

    found = finding_concept(finding.code)
    return SegmentDescription(
        segment_number=number,
        segment_label=long_string(found.label),
        segmented_property_category=code(found.category),
        segmented_property_type=code(found),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm_sequence(analysis.source),
        tracking_uid=uid,
        tracking_id=long_string(f"{found.label} {number}"),
        anatomic_regions=[code(found.site)] if found.site else None,
    )
