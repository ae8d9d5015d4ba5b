"""The key image: one picture of what an analysis points at, for every viewer there is.

A Secondary Capture (PS3.3 A.8.1) is shown by any workstation, including those that know neither
structured reports nor segmentations.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from wetread.core.dicom.drawing import draw_key_image
from wetread.core.dicom.geometry import patient_orientation, pixel_aspect
from wetread.core.dicom.model import equipment
from wetread.core.dicom.names import ResultKind, result_name
from wetread.core.dicom.sealing import seal
from wetread.core.dicom.series import series_arguments
from wetread.core.dicom.source import copy_image_facts, referenced_image
from wetread.core.dicom.stand_in import stand_in
from wetread.core.findings import AnalysisFindings, Candidate, Finding


def build_key_image(
    source: Dataset,
    pixels: npt.NDArray[np.uint8],
    marked: Sequence[Finding | Candidate],
    analysis: AnalysisFindings,
) -> bytes:
    """Build a Secondary Capture of one image with its findings and candidates drawn on it.

    The same arguments give the same bytes, today and elsewhere: a store refuses other bytes under
    a UID that it knows, and a retry must not look like that.

    Parameters
    ----------
    source : the instance that the picture was rendered from; patient and study come from it
    pixels : the rendered frame, shape (rows, columns) or (rows, columns, 3)
    marked : what is on this frame; the first says which frame it is
    analysis : names the model, the time and, by its digest, the UIDs

    Returns
    -------
    A file in the format of PS3.10.

    Raises
    ------
    PermanentError
        ``result-invalid``: the source lacks its UIDs.
    """
    frame_number = marked[0].image.frame_number if marked else 1
    picture = draw_key_image(
        pixels,
        marked,
        _caption(analysis),
        pixel_aspect=pixel_aspect(source, frame_number),
    )
    image = _secondary_capture(source, picture, analysis)
    copy_image_facts(source, image)
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.ConversionType = "WSD"
    image.BurnedInAnnotation = "YES"
    image.PatientOrientation = patient_orientation(source, frame_number)
    image.DerivationDescription = "AI findings drawn on an 8-bit picture of the source image"
    image.SourceImageSequence = [referenced_image(source, frame_number)]
    return seal(image, source, analysis)


def _secondary_capture(
    source: Dataset, picture: npt.NDArray[np.uint8], analysis: AnalysisFindings
) -> Dataset:
    from highdicom.sc import SCImage

    reference = stand_in(source)
    name = result_name(reference.StudyInstanceUID, analysis.digest, ResultKind.KEY_IMAGE)
    image: Dataset = SCImage.from_ref_dataset(
        ref_dataset=reference,
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        **series_arguments(name),
        **equipment(analysis.source),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    return image


def _caption(analysis: AnalysisFindings) -> str:
    source = analysis.source
    time = datetime.fromisoformat(analysis.created_at).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return f"{source.name} {source.version}, {time} UTC. Preliminary, not for clinical use."
