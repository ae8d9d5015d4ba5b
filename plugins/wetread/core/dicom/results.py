"""Everything that one analysis' findings become in DICOM.

All objects are pure functions of the findings, of the headers of the images they are about and of
the pixels of one frame: a retry makes the same bytes again, and a store takes them as the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from wetread.core.dicom.bulk_annotations import build_bulk_annotations
from wetread.core.dicom.gate import check_object
from wetread.core.dicom.key_image import build_key_image
from wetread.core.dicom.key_object_selection import build_key_object_selection
from wetread.core.dicom.names import (
    ResultKind,
    ResultName,
    best_image,
    images_needed,
    key_frame,
    result_names,
)
from wetread.core.dicom.segmentation import build_segmentation
from wetread.core.dicom.stand_in import stand_in
from wetread.core.dicom.structured_report import build_structured_report
from wetread.core.errors import problem
from wetread.core.findings import AnalysisFindings

__all__ = [
    "ResultKind",
    "ResultName",
    "ResultObject",
    "build_results",
    "images_needed",
    "key_frame",
    "result_names",
]


@dataclass(frozen=True)
class ResultObject:
    """One object as it is stored: a file in the format of PS3.10."""

    name: ResultName
    blob: bytes


def build_results(
    analysis: AnalysisFindings,
    headers: Mapping[str, Dataset],
    key_pixels: npt.NDArray[np.uint8] | None,
) -> tuple[ResultObject, ...]:
    """Build the objects that :func:`result_names` lists, in its order.

    Left out are a segmentation and annotations of images whose headers do not say where they lie.

    Parameters
    ----------
    headers : by SOPInstanceUID, at least those of :func:`images_needed`; read from DICOM JSON or
        from a file, with or without pixel data
    key_pixels : the frame of :func:`key_frame`, rendered, shape (rows, columns) or
        (rows, columns, 3); None where there is no such frame

    Raises
    ------
    PermanentError
        ``result-invalid``: a header is missing or lacks its UIDs, or an object breaks a rule, which
        the text names.
    """
    needed = [image.sop_instance_uid for image in images_needed(analysis)]
    if not all(uid in headers for uid in needed):
        raise problem("result-invalid", f"The headers for {analysis.name} are not complete.")
    if not needed:
        return ()
    headers = {uid: headers[uid] for uid in needed}
    study_uid = stand_in(headers[needed[0]]).StudyInstanceUID
    built = [
        (name, _build(name, analysis, headers, key_pixels))
        for name in result_names(study_uid, analysis)
    ]
    objects = tuple(ResultObject(name, blob) for name, blob in built if blob is not None)
    for found in objects:
        check_object(found.blob, str(analysis.name))
    return objects


def _build(
    name: ResultName,
    analysis: AnalysisFindings,
    headers: Mapping[str, Dataset],
    key_pixels: npt.NDArray[np.uint8] | None,
) -> bytes | None:
    match name.kind:
        case ResultKind.STRUCTURED_REPORT:
            return build_structured_report(analysis, headers, name)
        case ResultKind.SEGMENTATION:
            return build_segmentation(analysis, headers, name)
        case ResultKind.ANNOTATIONS:
            return build_bulk_annotations(analysis, headers[name.about], name)
        case ResultKind.KEY_OBJECTS:
            return build_key_object_selection(analysis, headers, name)
    marked = best_image(analysis)
    if key_pixels is None:
        raise problem("result-invalid", f"The key frame of {analysis.name} is missing.")
    return build_key_image(headers[marked[0].image.sop_instance_uid], key_pixels, marked, analysis)
