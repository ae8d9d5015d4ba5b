"""What one object is about where the findings of one analysis need several objects of a kind.

It follows from the findings alone, as the names of the objects do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from wetread.core.findings import AnalysisFindings

SLIDE_MODALITY = "SM"


def annotated_slides(analysis: AnalysisFindings) -> tuple[str, ...]:
    """Return the SOPInstanceUIDs of slide images that something is marked on, in their order.

    The pixels of bulk annotations are those of one image (PS3.3 C.37.1.2).
    """
    if analysis.modality != SLIDE_MODALITY:
        return ()
    return tuple(dict.fromkeys(s.image.sop_instance_uid for s in analysis.marked if s.region))


def segmented_parts(analysis: AnalysisFindings) -> Mapping[str, tuple[int, ...]]:
    """Return which findings share a segmentation: their places in ``analysis.seen``, from 1.

    A mask of several images is of a volume, and one segmentation holds all masks of its series.
    Single images, such as the views of a mammogram, need share no space: each has its own. The
    keys are the UID of the series and that of the image.
    """
    masks = [
        (place, finding.image.series_instance_uid, finding.mask)
        for place, finding in enumerate(analysis.findings, 1)
        if finding.mask and finding.mask.sop_instance_uids
    ]
    volumes = {series for _, series, mask in masks if len(mask.sop_instance_uids) > 1}
    parts: dict[str, list[int]] = defaultdict(list)
    for place, series, mask in masks:
        parts[series if series in volumes else mask.sop_instance_uids[0]].append(place)
    return {part: tuple(places) for part, places in parts.items()}
