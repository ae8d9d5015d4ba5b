"""Frames of a stored instance without the rest of it, and as the store itself decodes them."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from wetread.core.findings import ImageReference
from wetread.core.pixels.decoding import decoded_size_bytes
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.metadata import Metadata, text
from wetread.core.pixels.partial import partial_header, with_frames
from wetread.core.pixels.reading import read_instance
from wetread.gcp.dicomweb import DicomWebClient

_TRANSCODED_LIMIT_BYTES = 2**28
"""A larger instance is not asked for uncompressed: it comes whole, for a few of its frames."""


def frames_alone(
    dicomweb: DicomWebClient,
    study_instance_uid: str,
    frames: Sequence[ImageReference],
    metadata: Metadata,
    subject: str,
) -> Dataset | None:
    """Return an image whose only frames are these of one instance, in their order.

    None where it takes the whole instance: metadata lack something, or the store gives no frames.

    Parameters
    ----------
    metadata : of the instance
    """
    numbers = [frame.frame_number for frame in frames]
    header = partial_header(metadata, numbers)
    if header is None:
        return None
    uid, series_uid = frames[0].sop_instance_uid, frames[0].series_instance_uid
    answer = dicomweb.retrieve_frames(study_instance_uid, series_uid, uid, numbers, subject)
    if answer is None:
        return None
    syntax, contents = answer
    return with_frames(header, contents, syntax or text(metadata, "AvailableTransferSyntaxUID"))


def decoded_by_store(
    dicomweb: DicomWebClient,
    study_instance_uid: str,
    dataset: Dataset,
    frame: ImageReference,
    subject: str,
) -> Dataset | None:
    """Return the instance of a frame uncompressed; None where it is too large, or not decoded.

    Parameters
    ----------
    dataset : the instance as it is stored
    """
    if decoded_size_bytes(dataset) > _TRANSCODED_LIMIT_BYTES:
        return None
    blob = dicomweb.retrieve_transcoded(
        study_instance_uid, frame.series_instance_uid, frame.sop_instance_uid, subject
    )
    try:
        return read_instance(blob) if blob else None
    except PixelError:
        return None
