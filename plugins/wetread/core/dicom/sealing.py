"""The last step of every object: whose it is, when it was made, and bytes that can be made again.

highdicom writes the time of day into what it makes, and UIDs that it draws at random. A store takes
the same object twice, and refuses other bytes under a UID that it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from types import MappingProxyType

from pydicom import Dataset

from wetread.core.dicom.source import copy_context
from wetread.core.dicom.stand_in import is_multi_frame
from wetread.core.dicom.timestamps import stamp
from wetread.core.dicom.uids import derive_uid
from wetread.core.findings import AnalysisFindings

_NAMES_FRAMES = frozenset({"SourceImageSequence", "ReferencedSOPSequence"})
"""Sequences whose items are references to images with frames; others refer to whole instances."""


def seal(dataset: Dataset, source: Dataset, analysis: AnalysisFindings) -> bytes:
    """Give an object its patient, its study and the findings' time, and encode it.

    Parameters
    ----------
    dataset : as highdicom made it
    source : the header of an image of the same study

    Returns
    -------
    A file in the format of PS3.10.
    """
    copy_context(source, dataset)
    stamp(dataset, analysis.created_at, source.get("TimezoneOffsetFromUTC"))
    _replace_dimension_organization(dataset)
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _replace_dimension_organization(dataset: Dataset) -> None:
    uid = derive_uid(str(dataset.SOPInstanceUID), "dimension-organization")
    for keyword in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for item in dataset.get(keyword) or ():
            if "DimensionOrganizationUID" in item:
                item.DimensionOrganizationUID = uid


def restore_references(
    dataset: Dataset,
    headers: Mapping[str, Dataset],
    frames: Mapping[str, list[int]] = MappingProxyType({}),
) -> None:
    """Let every reference to an image name its class, and ``frames`` where it has several.

    highdicom made the references from stand-ins, which are single-frame images.

    Parameters
    ----------
    headers : of the images referred to, by SOPInstanceUID
    frames : the frame numbers to name, by SOPInstanceUID
    """
    for keyword, item in _items(dataset):
        uid = str(item.get("ReferencedSOPInstanceUID") or "")
        if uid not in headers:
            continue
        item.ReferencedSOPClassUID = headers[uid].SOPClassUID
        if keyword in _NAMES_FRAMES and uid in frames and is_multi_frame(headers[uid]):
            item.ReferencedFrameNumber = frames[uid]


def _items(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Yield every item with its sequence's keyword, those of sequences inside others included."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield element.keyword, item
                yield from _items(item)
