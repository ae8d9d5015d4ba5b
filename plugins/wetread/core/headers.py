"""What the pipeline must know of a file before it imports it, read from the file's first bytes.

A study of a thousand slices is indexed by a thousand small ranged reads; no pixel is touched.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from wetread.core.discretion import keep_values_out_of_logs
from wetread.core.errors import problem
from wetread.core.identity import UID_PATTERN
from wetread.core.routing.attributes import code_value, kept_values, routing_attributes

FIRST_READ_BYTES = 32 * 1024
"""Enough for the header of nearly every CT, MR, CR and US instance."""

_PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Float, Double Float and Pixel Data (PS3.3 section C.7.6.3)."""

_UNDEFINED_LENGTH = 0xFFFFFFFF
_DEFLATED = "1.2.840.10008.1.2.1.99"
"""Deflated Explicit VR Little Endian: lengths in it say nothing of the file's size (PS3.5 A.5)."""

_SHORT_READ = (EOFError, OSError, struct.error)
"""What pydicom raises where it wants bytes and there are none left."""

keep_values_out_of_logs()


@dataclass(frozen=True)
class Header:
    """The facts of one instance that decide where it belongs and how it is analysed.

    ``patient`` is an opaque token: equal tokens mean the same patient, and nothing else is kept.
    ``body_part`` and ``attributes`` are what routing may ask for: values in upper case, by the
    keywords of ``routing/attributes.toml``, several of them parted by a backslash.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    image_type: tuple[str, ...]
    manufacturer: str
    presentation_intent: str
    has_pixel_data: bool
    patient: str
    series_number: int | None = None
    instance_number: int | None = None
    number_of_frames: int = 1
    body_part: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    def attribute(self, keyword: str) -> tuple[str, ...]:
        """Return the values of a keyword of ``routing/attributes.toml``; none if it is missing."""
        if keyword in _FIELDS:
            return kept_values(keyword, _FIELDS[keyword](self))
        value = next((value for name, value in self.attributes if name == keyword), "")
        return tuple(value.split("\\")) if value else ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_FIELDS: Mapping[str, Callable[[Header], tuple[str, ...]]] = MappingProxyType(
    {
        "SOPClassUID": lambda header: (header.sop_class_uid,),
        "ImageType": lambda header: header.image_type,
    }
)
"""What routing may ask for and a header has a field for."""


def header_from_dict(stored: dict[str, Any]) -> Header:
    """Read the stored form of a header back; an older one lacks what routing asks for."""
    attributes = tuple((name, value) for name, value in stored.get("attributes", ()))
    image_type = tuple(stored["image_type"])
    return Header(**{**stored, "image_type": image_type, "attributes": attributes})


@dataclass(frozen=True)
class Refusal:
    """Why a file cannot be taken: a reason code of ``outcomes.toml``."""

    reason: str


@dataclass(frozen=True)
class NeedMore:
    """The header goes on beyond the bytes at hand; read at least this many."""

    size_bytes: int


def read_header(
    start: bytes, size_bytes: int, patient_token: Callable[[str], str]
) -> Header | Refusal | NeedMore:
    """Read the header of a Part 10 file of ``size_bytes`` from its first bytes (PS3.10 section 7).

    ``patient_token`` turns a patient's identity into an opaque token; the identity goes no further.
    """
    whole = len(start) >= size_bytes
    if start[128:132] != b"DICM":
        return Refusal("not-dicom" if size_bytes else "empty-file")
    try:
        return _read(start, size_bytes, patient_token)
    except InvalidDicomError:
        return Refusal("not-dicom")
    except _SHORT_READ:
        return Refusal("truncated") if whole else _more(start, size_bytes)
    except Exception:  # pydicom raises many kinds on malformed headers; each means the same here
        return Refusal("header-unreadable") if whole else _more(start, size_bytes)


def _read(
    start: bytes, size_bytes: int, patient_token: Callable[[str], str]
) -> Header | Refusal | NeedMore:
    stream = BytesIO(start)
    progress = _Progress(stream)
    dataset = read_partial(stream, stop_when=progress)
    if len(start) < size_bytes and not progress.found_pixels:
        return _more(start, size_bytes)
    deflated = dataset.file_meta.get("TransferSyntaxUID") == _DEFLATED
    if not deflated and progress.is_cut(dataset, start, size_bytes):
        return Refusal("truncated")
    return _header(dataset, progress.found_pixels, patient_token)


def _more(start: bytes, size_bytes: int) -> NeedMore:
    return NeedMore(min(size_bytes, len(start) * 8))


class _Progress:
    """Stops the parser at the pixel data and remembers where the file says that they end.

    pydicom takes a value that ends early for a whole one, so the ends of all elements are followed.
    """

    def __init__(self, stream: BytesIO) -> None:
        self._stream = stream
        self._tag: BaseTag | None = None
        self._end_bytes: int | None = None
        self.found_pixels = False

    def __call__(self, tag: BaseTag, _vr: str | None, length: int) -> bool:
        self._tag = tag
        self._end_bytes = None if length == _UNDEFINED_LENGTH else self._stream.tell() + length
        self.found_pixels = tag in _PIXEL_DATA
        return self.found_pixels

    def is_cut(self, dataset: Dataset, start: bytes, size_bytes: int) -> bool:
        """Tell whether a file of ``size_bytes`` ends within its last element, or before any."""
        if self._end_bytes is None:
            return not self.found_pixels and (self._tag is None or self._tag not in dataset)
        if self.found_pixels:
            return self._end_bytes > size_bytes
        # Zeros behind the last element are a sender's padding; anything else is a piece of a next.
        return self._end_bytes > size_bytes or any(start[self._end_bytes :])


def _header(
    dataset: Dataset, has_pixel_data: bool, patient_token: Callable[[str], str]
) -> Header | Refusal:
    uids = [
        str(dataset.get(name) or "")
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    ]
    if not all(UID_PATTERN.match(uid) for uid in uids):
        return Refusal("missing-uids")
    return Header(
        study_instance_uid=uids[0],
        series_instance_uid=uids[1],
        sop_instance_uid=uids[2],
        sop_class_uid=str(dataset.get("SOPClassUID") or ""),
        transfer_syntax_uid=_transfer_syntax(dataset),
        modality=str(dataset.get("Modality") or ""),
        image_type=_values(dataset.get("ImageType")),
        manufacturer=str(dataset.get("Manufacturer") or ""),
        presentation_intent=str(dataset.get("PresentationIntentType") or ""),
        has_pixel_data=has_pixel_data,
        patient=_patient(dataset, patient_token),
        series_number=_integer(dataset.get("SeriesNumber")),
        instance_number=_integer(dataset.get("InstanceNumber")),
        number_of_frames=_integer(dataset.get("NumberOfFrames")) or 1,
        body_part=code_value(dataset.get("BodyPartExamined") or ""),
        attributes=tuple(_attributes(dataset)),
    )


def _attributes(dataset: Dataset) -> Iterator[tuple[str, str]]:
    for keyword in routing_attributes():
        if keyword in _FIELDS:
            continue
        with suppress(Exception):  # as below: an unusable value is an absent one
            value = dataset.get(keyword)
            values = value if isinstance(value, MultiValue) else [value]
            if kept := kept_values(keyword, values):
                yield keyword, "\\".join(kept)


def _transfer_syntax(dataset: Dataset) -> str:
    meta = getattr(dataset, "file_meta", Dataset())
    stored = meta.get("TransferSyntaxUID") or dataset.get("AvailableTransferSyntaxUID")
    return str(stored or "")


def _patient(dataset: Dataset, patient_token: Callable[[str], str]) -> str:
    """Return a token of the patient's id and issuer, or of the name where there is no id."""
    patient_id = str(dataset.get("PatientID") or "").strip()
    issuer = str(dataset.get("IssuerOfPatientID") or "").strip()
    name = str(dataset.get("PatientName") or "").strip().upper()
    if patient_id:
        return patient_token(f"id\x1f{issuer}\x1f{patient_id}")
    return patient_token(f"name\x1f{name}") if name else ""


def _values(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _integer(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def header_from_dicomweb(
    instance: Mapping[str, Any], patient_token: Callable[[str], str]
) -> Header:
    """Read the facts of a stored instance from its DICOM JSON (PS3.18 annex F)."""
    dataset = Dataset()
    for tag in _HEADER_TAGS & instance.keys():
        # pydicom raises many kinds of errors and quotes the value; an unusable one is an absent one
        with suppress(Exception):
            dataset.update(Dataset.from_json({tag: instance[tag]}))
    header = _header(dataset, _has_pixel_data(instance), patient_token)
    if isinstance(header, Refusal):
        raise problem("answer-malformed", "the DICOM store lists an instance without its UIDs.")
    return header


def _has_pixel_data(instance: Mapping[str, Any]) -> bool:
    """Tell whether DICOM JSON is of an image; some servers omit the pixel data element itself."""
    return any(tag in instance for tag in ("7FE00008", "7FE00009", "7FE00010", "00280010"))


_HEADER_TAGS = frozenset(
    f"{tag_for_keyword(keyword):08X}"
    for keyword in (
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "SOPClassUID",
        "AvailableTransferSyntaxUID",
        "Modality",
        "ImageType",
        "Manufacturer",
        "PresentationIntentType",
        "SeriesNumber",
        "InstanceNumber",
        "NumberOfFrames",
        "PatientID",
        "IssuerOfPatientID",
        "PatientName",
        "BodyPartExamined",
        *routing_attributes(),
    )
)
