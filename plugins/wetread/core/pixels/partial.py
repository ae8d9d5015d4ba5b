"""An image made of some frames of a multi-frame instance and of its metadata alone.

A cine loop or a level of a slide is gigabytes of frames of which a few are looked at; a DICOMweb
server gives single frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian

from wetread.core.pixels.geometry import number_of_frames
from wetread.core.pixels.metadata import Metadata, integer, text, values

_GROUPS = ("0008", "0018", "0028", "0048", "2050", "5200")
"""What displaying an image depends on: modality, regions, pixel description, functional groups."""
_PER_FRAME = "52009230"
_UNUSED = ("00282000",)
"""The ICC profile (0028,2000), which is left alone and too large for metadata.

Slides have one in each item of their Optical Path Sequence.
"""
_WHOLE_SAMPLES_BITS = (8, 16)
_BESIDE_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "DimensionIndexSequence")
_TILES_IN_ORDER = "TILED_FULL"
"""Dimension Organization Type of slides whose frames need no functional groups (C.7.6.17.3)."""


def partial_header(metadata: Metadata, frame_numbers: Sequence[int]) -> Dataset | None:
    """Return the attributes of an image whose only frames are ``frame_numbers``.

    None where metadata do not hold all that it takes: a server leaves out what is large, such as
    lookup tables, and says where to get it. Such an instance is better fetched as a whole.
    """
    if integer(metadata, "BitsAllocated") not in _WHOLE_SAMPLES_BITS or is_cut(metadata):
        return None
    kept = {tag: element for tag, element in metadata.items() if tag[:4] in _GROUPS}
    if _PER_FRAME in kept:
        groups = values(metadata, "PerFrameFunctionalGroupsSequence")
        if max(frame_numbers) > len(groups):
            return None
        chosen = [groups[number - 1] for number in frame_numbers]
        kept[_PER_FRAME] = {"vr": "SQ", "Value": chosen}
    kept = _used(kept)
    if _refers_elsewhere(kept):
        return None
    try:
        header = Dataset.from_json(kept)
        header.NumberOfFrames = len(frame_numbers)
    except Exception:  # pydicom raises many kinds; the whole instance may be readable all the same
        return None
    return header


def is_cut(metadata: Metadata) -> bool:
    """Tell whether the functional groups of a multi-frame image are left out of its metadata.

    They say where each frame lies and what its values mean; Google leaves out a sequence of more
    than 1 MiB without a word.
    Source: https://cloud.google.com/healthcare-api/docs/dicom#metadata_resources
    """
    return (
        number_of_frames(metadata) > 1
        and any(values(metadata, keyword) for keyword in _BESIDE_FUNCTIONAL_GROUPS)
        and not values(metadata, "PerFrameFunctionalGroupsSequence")
        and text(metadata, "DimensionOrganizationType") != _TILES_IN_ORDER
    )


def with_frames(header: Dataset, frames: Sequence[bytes], transfer_syntax: str) -> Dataset | None:
    """Return the image with the bytes of its frames, each as the server holds it.

    None for a transfer syntax whose frames do not stand alone.
    """
    syntax = UID(transfer_syntax)
    if not syntax.is_transfer_syntax or syntax == ExplicitVRBigEndian:
        return None
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = syntax
    header.set_original_encoding(syntax.is_implicit_VR, True)
    if syntax.is_encapsulated:
        header.PixelData = encapsulate(list(frames))
    else:
        joined = b"".join(frames)
        header.PixelData = joined + b"\0" * (len(joined) % 2)
    return header


def _used(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata without what no picture depends on, at any depth."""
    return {
        tag: {**element, "Value": [_used(item) for item in items_of]} if items_of else element
        for tag, element in metadata.items()
        if tag not in _UNUSED
        for items_of in [_items(element)]
    }


def _items(element: Any) -> list[Mapping[str, Any]]:
    """Return the items of a sequence; none for all else."""
    if not isinstance(element, Mapping) or element.get("vr") != "SQ":
        return []
    found = element.get("Value")
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _refers_elsewhere(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a value at any depth is to be fetched from elsewhere (PS3.18 F.2.2)."""
    return any(
        (isinstance(element, Mapping) and "BulkDataURI" in element)
        or any(map(_refers_elsewhere, _items(element)))
        for element in metadata.values()
    )
