"""The Store transaction's second form: metadata as DICOM JSON, binary values as further parts.

Source: https://cloud.google.com/healthcare-api/docs/dicom#json_metadata_and_bulk_data_requests
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from localcloud.healthcare.dicom.header import Header, first_value
from localcloud.healthcare.dicom.ingest import Refused
from localcloud.healthcare.dicom.multipart import Part
from localcloud.healthcare.resources import invalid

CONTENT_TYPE = "application/dicom+json"

_MAX_METADATA_BYTES = 64 << 20
_OCTETS = "application/octet-stream"
_PIXEL_DATA, _TRANSFER_SYNTAX, _CHARACTER_SET = "7FE00010", "00020010", "00080005"
_REQUIRED = {
    _CHARACTER_SET: "SpecificCharacterSet",
    _TRANSFER_SYNTAX: "TransferSyntaxUID",
    "00080016": "SOPClassUID",
    "0020000D": "StudyInstanceUID",
    "0020000E": "SeriesInstanceUID",
    "00080018": "SOPInstanceUID",
}
_BULK_VRS = frozenset({"OB", "OW", "UN"})
_UNSUPPORTED = frozenset({ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian})
_JPEG = "1.2.840.10008.1.2.4."
_COMPRESSED_TYPES = {
    **{f"{_JPEG}{number}": "image/jpeg" for number in (50, 51, 57, 70)},
    **{f"{_JPEG}{number}": "image/jls" for number in (80, 81)},
    **{f"{_JPEG}{number}": "image/jp2" for number in (90, 91)},
    **{f"{_JPEG}{number}": "image/jpx" for number in (92, 93)},
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}

File: TypeAlias = bytes | memoryview | Refused


@dataclass(frozen=True)
class _Reference:
    """A BulkDataURI and the element that has it."""

    tag: str
    vr: str
    uri: str


def files(parts: Sequence[Part]) -> list[File]:
    """Make a DICOM file of each instance in the first part and of the parts it refers to.

    Raises
    ------
    GoogleError
        400 when the metadata is no array of instances, or when it and the parts do not fit.
    """
    head, *bulk = parts
    instances = _instances(head)
    by_location = {part.location: part for part in bulk}
    if len(by_location) < len(bulk) or "" in by_location:
        raise invalid("every bulk data part needs a Content-Location of its own")
    references = [list(_references(instance)) for instance in instances]
    uris = [reference.uri for found in references for reference in found]
    if len(set(uris)) < len(uris):
        raise invalid("a BulkDataURI may occur once in the metadata")
    if set(uris) != by_location.keys():
        raise invalid("each BulkDataURI needs one part whose Content-Location it is")
    for instance, found in zip(instances, references, strict=True):
        _check(instance, found, by_location, head.media_type.transfer_syntax)
    return [_file(instance, by_location) for instance in instances]


def _instances(head: Part) -> list[Header]:
    if len(head.content) > _MAX_METADATA_BYTES:
        raise invalid(f"the metadata part is limited to {_MAX_METADATA_BYTES} bytes")
    try:
        instances: list[Header] = json.loads(bytes(head.content))
    except (ValueError, RecursionError) as error:
        raise invalid("the metadata part is not JSON in UTF-8") from error
    elements = isinstance(instances, list) and all(
        isinstance(instance, dict) and all(isinstance(e, dict) for e in instance.values())
        for instance in instances
    )
    if not elements or not instances:
        raise invalid("the metadata part must be an array of instances in the DICOM JSON model")
    return instances


def _references(header: Header) -> Iterator[_Reference]:
    for tag, element in _elements(header):
        if "BulkDataURI" in element:
            yield _Reference(tag, str(element.get("vr")), str(element["BulkDataURI"]))


def _elements(header: Header) -> Iterator[tuple[str, Mapping[str, Any]]]:
    waiting: list[Any] = [header]
    while waiting:
        current = waiting.pop()
        for tag, element in current.items() if isinstance(current, dict) else ():
            if isinstance(element, dict):
                yield tag, element
                waiting += element.get("Value") or [] if element.get("vr") == "SQ" else []


def _check(
    instance: Header,
    references: Sequence[_Reference],
    bulk: Mapping[str, Part],
    binary_syntax: str,
) -> None:
    syntax = first_value(instance, _TRANSFER_SYNTAX)
    if syntax in _UNSUPPORTED:
        raise invalid(f"unsupported transfer syntax {syntax} for instances given as JSON")
    if len(references) > 1:
        raise invalid("an instance may have one BulkDataURI")
    if "InlineBinary" in instance.get(_PIXEL_DATA, {}):
        raise invalid("PixelData must be sent as a bulk data part")
    inline = any("InlineBinary" in element for _, element in _elements(instance))
    if inline and not binary_syntax:
        raise invalid("InlineBinary needs a transfer-syntax in the metadata's Content-Type")
    for reference in references:
        if reference.vr not in _BULK_VRS:
            raise invalid(f"a BulkDataURI needs the VR OB, OW or UN, not {reference.vr}")
        _check_type(reference, bulk[reference.uri], syntax)


def _check_type(reference: _Reference, part: Part, syntax: str) -> None:
    kind = part.media_type.name
    if kind == _OCTETS:
        if reference.tag == _PIXEL_DATA and syntax in _COMPRESSED_TYPES:
            raise invalid(f"PixelData in {syntax} must be sent as {_COMPRESSED_TYPES[syntax]}")
        return
    if kind not in _COMPRESSED_TYPES.values():
        raise invalid(f"unsupported media type {kind!r} of a bulk data part")
    if reference.tag != _PIXEL_DATA:
        raise invalid("compressed bulk data may only be sent for PixelData")
    if part.media_type.transfer_syntax != syntax or _COMPRESSED_TYPES.get(syntax) != kind:
        raise invalid("a bulk data part's transfer syntax must be its instance's TransferSyntaxUID")


def _file(instance: Header, bulk: Mapping[str, Part]) -> File:
    try:
        uids = (first_value(instance, "00080016"), first_value(instance, "00080018"))
        for tag, keyword in _REQUIRED.items():
            if not first_value(instance, tag):
                return Refused(*uids, f"invalid DICOM JSON: {keyword} is required")
        if instance[_CHARACTER_SET]["Value"] != ["ISO_IR 192"]:
            return Refused(*uids, "invalid DICOM JSON: SpecificCharacterSet must be ISO_IR 192")
        return _encoded(instance, bulk)
    except Exception as error:
        # Nobody vouches for the metadata; whatever breaks in reading it is the sender's fault.
        return Refused("", "", f"invalid DICOM JSON: {type(error).__name__} in the dataset")


def _encoded(instance: Header, bulk: Mapping[str, Part]) -> bytes:
    def value_of(_tag: str, _vr: str, uri: str) -> bytes:
        return bytes(bulk[uri].content)

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax = UID(first_value(instance, _TRANSFER_SYNTAX))
    meta.MediaStorageSOPClassUID = UID(first_value(instance, "00080016"))
    meta.MediaStorageSOPInstanceUID = UID(first_value(instance, "00080018"))
    data = {tag: element for tag, element in instance.items() if not tag.startswith("0002")}
    dataset = Dataset.from_json(data, value_of)
    dataset.file_meta = meta
    if "PixelData" in dataset and syntax in _COMPRESSED_TYPES:
        dataset["PixelData"].VR = "OB"
        dataset.PixelData = encapsulate([dataset.PixelData])
    output = io.BytesIO()
    pydicom.dcmwrite(output, dataset, enforce_file_format=True)
    return output.getvalue()
