"""A DICOM file's header: read, checked for structure, and put into the DICOM JSON model.

Pixel data is located and measured but neither copied nor decoded, so that a file costs about a
millisecond whatever its size.
Source: DICOM PS3.10 section 7, PS3.5 section 7 and PS3.18 annex F
"""

from __future__ import annotations

import io
import logging
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from pydicom import config
from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from localcloud.healthcare.dicom.header import (
    Header,
    dataset_json,
    first_value,
    with_pixel_reference,
)
from localcloud.healthcare.dicom.stream import ByteView, TooLarge, inflated

# The store takes what it is given and judges structure only, as Google's does. Warnings are off
# because they quote values, which are patients' data.
config.settings.reading_validation_mode = config.IGNORE
config.settings.writing_validation_mode = config.IGNORE
config.logger.setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module="pydicom")

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

StopWhen = Callable[[BaseTag, str | None, int], bool]

_PREAMBLE_BYTES = 128
_UNDEFINED_LENGTH = 0xFFFFFFFF
_ITEM, _SEQUENCE_DELIMITER = 0xFFFEE000, 0xFFFEE0DD
_UID = re.compile(r"[0-9.]{1,64}")
_REQUIRED_UIDS = {
    "0020000D": "StudyInstanceUID",
    "0020000E": "SeriesInstanceUID",
    "00080018": "SOPInstanceUID",
}


class InvalidDicom(Exception):
    """A file that cannot become an instance; the message is for the sender."""

    def __init__(self, detail: str, sop_class: str = "", sop_instance: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.sop_class = sop_class
        self.sop_instance = sop_instance


@dataclass(frozen=True)
class ParsedFile:
    """What the store keeps of a file; `header` is DICOM JSON without group 2 and pixel data."""

    study: str
    series: str
    instance: str
    sop_class: str
    transfer_syntax: str
    header: Header


def parse_file(data: bytes | memoryview) -> ParsedFile:
    """Read a DICOM Part 10 file.

    Raises
    ------
    InvalidDicom
        When it is no such file, ends early, repeats an element, or lacks an identifying UID.
    """
    try:
        transfer_syntax, dataset, pixels = _read(memoryview(data))
        header = dataset_json(dataset)
    except InvalidDicom:
        raise
    except Exception as error:
        # The parser meets bytes that nobody vouches for; whatever breaks in it is the file's fault.
        raise InvalidDicom(f"invalid DICOM file: {type(error).__name__} in the dataset") from error
    if pixels is not None:
        header = with_pixel_reference(header, *pixels)
    return _identified(transfer_syntax, header)


def _identified(transfer_syntax: str, header: Header) -> ParsedFile:
    sop_class = first_value(header, "00080016")
    uids = {tag: first_value(header, tag) for tag in _REQUIRED_UIDS}
    for tag, keyword in _REQUIRED_UIDS.items():
        problem = "is missing" if not uids[tag] else "is not a UID"
        if not _UID.fullmatch(uids[tag]):
            detail = f"invalid DICOM file: {keyword} ({tag[:4]},{tag[4:]}) {problem}"
            raise InvalidDicom(detail, sop_class, uids["00080018"][:64])
    return ParsedFile(
        uids["0020000D"],
        uids["0020000E"],
        uids["00080018"],
        sop_class,
        transfer_syntax,
        header,
    )


def _read(data: memoryview) -> tuple[str, Dataset, tuple[str, str] | None]:
    if bytes(data[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4]) != b"DICM":
        raise InvalidDicom("invalid DICOM file: no DICM prefix after the preamble")
    stream = ByteView(data)
    stream.seek(_PREAMBLE_BYTES + 4)
    meta = Dataset(dict(_elements(stream, False, True, _after_group_2)))
    transfer_syntax = str(meta.get("TransferSyntaxUID", "")).strip()
    if not transfer_syntax:
        raise InvalidDicom("invalid DICOM file: TransferSyntaxUID (0002,0010) is missing")
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        stream = _inflated(data[stream.tell() :])
    implicit = transfer_syntax == ImplicitVRLittleEndian
    little = transfer_syntax != ExplicitVRBigEndian
    elements = dict(_elements(stream, implicit, little, _at_pixel_data))
    pixels = _pixel_element(stream, implicit, little)
    dataset = Dataset(elements)
    charset = dataset.get("SpecificCharacterSet", "ISO_IR 6")
    dataset.set_original_encoding(implicit, little, convert_encodings(charset))
    return transfer_syntax, dataset, pixels


def _inflated(data: memoryview) -> ByteView:
    try:
        return inflated(data)
    except TooLarge as error:
        raise InvalidDicom("invalid DICOM file: the deflated dataset is too large") from error


def _after_group_2(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 2


def _at_pixel_data(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in PIXEL_TAGS


def _elements(
    stream: ByteView, implicit: bool, little: bool, stop_when: StopWhen
) -> Iterator[tuple[BaseTag, DataElement | RawDataElement]]:
    seen: set[int] = set()
    end = stream.tell()
    file = cast(BinaryIO, stream)
    for element in data_element_generator(file, implicit, little, stop_when):
        if element.tag in seen:
            raise InvalidDicom(f"invalid DICOM file: element {element.tag} occurs twice")
        if isinstance(element, RawDataElement) and _is_cut(element):
            raise InvalidDicom(f"invalid DICOM file: it ends inside element {element.tag}")
        seen.add(element.tag)
        end = stream.tell()
        yield element.tag, element
    if stream.tell() >= stream.size and end < stream.size:
        raise InvalidDicom("invalid DICOM file: it ends inside the header of an element")


def _is_cut(element: RawDataElement) -> bool:
    defined = element.length != _UNDEFINED_LENGTH
    return defined and len(element.value or b"") < element.length


def _pixel_element(stream: ByteView, implicit: bool, little: bool) -> tuple[str, str] | None:
    """Return the tag and VR of the pixel data element, having checked that it is all there."""
    order = "<" if little else ">"
    head = stream.read(8 if implicit else 12)
    if not head:
        return None
    if len(head) < (8 if implicit else 12):
        raise InvalidDicom("invalid DICOM file: it ends inside the header of the pixel data")
    group, number = struct.unpack(order + "HH", head[:4])
    length = struct.unpack(order + "L", head[-4:])[0]
    if length == _UNDEFINED_LENGTH:
        _check_fragments(stream, order)
    elif stream.tell() + length > stream.size:
        raise InvalidDicom("invalid DICOM file: it ends inside the pixel data")
    return f"{group:04X}{number:04X}", "OW" if implicit else head[4:6].decode("ascii")


def _check_fragments(stream: ByteView, order: str) -> None:
    while True:
        item = stream.read(8)
        if len(item) < 8:
            raise InvalidDicom("invalid DICOM file: the encapsulated pixel data has no end")
        group, element, length = struct.unpack(order + "HHL", item)
        tag = group << 16 | element
        if tag == _SEQUENCE_DELIMITER:
            return
        if tag != _ITEM or stream.tell() + length > stream.size:
            raise InvalidDicom("invalid DICOM file: the encapsulated pixel data is damaged")
        stream.seek(length, io.SEEK_CUR)
