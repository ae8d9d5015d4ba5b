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

from wetread.core.dicom.key_image import build_key_image
from wetread.core.dicom.names import (
    ResultKind,
    ResultName,
    best_image,
    images_needed,
    key_frame,
    result_names,
)
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
    study_uid = str(headers[needed[0]].get("StudyInstanceUID") or "")
    objects = []
    for name in result_names(study_uid, analysis):
        if name.kind == ResultKind.KEY_IMAGE and key_pixels is not None:
            marked = best_image(analysis)
            source = headers[marked[0].image.sop_instance_uid]
            blob = build_key_image(source, key_pixels, marked, analysis)
            objects.append(ResultObject(name, blob))
    return tuple(objects)
