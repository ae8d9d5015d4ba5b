"""The key object selection: which of a study's images to look at first, for every viewer there is.

It refers to the images as the modality made them (PS3.3 A.35.4); the key image is a picture of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pydicom import Dataset

from wetread.core.dicom.model import code, equipment, observer
from wetread.core.dicom.names import ResultName
from wetread.core.dicom.sealing import restore_references, seal
from wetread.core.dicom.series import series_arguments
from wetread.core.dicom.stand_in import stand_in
from wetread.core.findings import AnalysisFindings
from wetread.core.terminology import concept

_DESCRIPTION = "Images that AI marked for review. Preliminary, not for clinical use."


def build_key_object_selection(
    analysis: AnalysisFindings, headers: Mapping[str, Dataset], name: ResultName
) -> bytes:
    """Build the selection of all images, and of their frames, that anything is marked on.

    Parameters
    ----------
    headers : of these images, by SOPInstanceUID; others do not matter
    """
    from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument

    frames: dict[str, set[int]] = defaultdict(set)
    for seen in analysis.marked:
        frames[seen.image.sop_instance_uid].add(seen.image.frame_number)
    images = [stand_in(headers[uid]) for uid in frames]
    content = KeyObjectSelection(
        document_title=code(concept("of-interest")),
        referenced_objects=images,
        observer_device_context=observer(analysis.source),
        description=_DESCRIPTION,
    )
    document = KeyObjectSelectionDocument(
        evidence=images, content=content, **series_arguments(name), **equipment(analysis.source)
    )
    numbers = {uid: sorted(marked) for uid, marked in frames.items()}
    restore_references(document, headers)
    for item in document.ContentSequence:
        restore_references(item, headers, numbers)
    return seal(document, headers[images[0].SOPInstanceUID], analysis)
