"""Frames in the media type and transfer syntax that a client accepts.

Source: https://cloud.google.com/healthcare-api/docs/dicom#dicom_frames and DICOM PS3.18 table
8.7.3-5
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydicom.uid import ExplicitVRLittleEndian

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom.codecs import DECODABLE, DEFLATED_FRAME
from localcloud.healthcare.dicom.encoders import ENCODABLE
from localcloud.healthcare.dicom.geometry import failed
from localcloud.healthcare.dicom.media_types import MediaType, not_acceptable, parse_accept
from localcloud.healthcare.dicom.multipart import Outgoing
from localcloud.healthcare.dicom.pixels import FrameSource, reading_pixels
from localcloud.healthcare.dicom.viewport import encode_picture

_OCTETS = "application/octet-stream"
_PNG = "image/png"
_AS_STORED = "*"
_PREFIX = "1.2.840.10008.1.2.4."

# What the frames of a compressed transfer syntax are; of each media type the default is first.
_SYNTAXES = {
    "image/jpeg": tuple(f"{_PREFIX}{number}" for number in (70, 50, 51, 57)),
    "image/jls": tuple(f"{_PREFIX}{number}" for number in (80, 81)),
    "image/jp2": tuple(f"{_PREFIX}{number}" for number in (90, 91)),
    "image/jphc": tuple(f"{_PREFIX}{number}" for number in (201, 202, 203)),
    "image/jxl": tuple(f"{_PREFIX}{number}" for number in (110, 112, 111)),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "application/x-deflate": (DEFLATED_FRAME,),
}

_Make = Callable[[int], bytes]


def frame_parts(
    source: FrameSource, numbers: Sequence[int], accept: str
) -> tuple[str, Iterator[Outgoing]]:
    """Return the media type of an answer and its parts, made one after the other.

    Raises
    ------
    GoogleError
        406 when no accepted type is served, 400 when the first frame cannot be had in it.
    """
    refusal = not_acceptable(f"accept {_OCTETS}, or transfer-syntax=* for frames as stored")
    for entry in parse_accept(accept):
        found = _offer(entry, source)
        if found is None:
            continue
        part_type, make = found
        try:
            first = _made(make, numbers[0])
        except GoogleError as error:
            refusal = error
            continue
        return part_type.partition(";")[0], _parts(part_type, first, make, numbers[1:])
    raise refusal


def _parts(part_type: str, first: bytes, make: _Make, numbers: Sequence[int]) -> Iterator[Outgoing]:
    yield Outgoing(part_type, [first])
    for number in numbers:
        yield Outgoing(part_type, [_made(make, number)])


def _made(make: _Make, number: int) -> bytes:
    with reading_pixels():
        return make(number)


def _offer(entry: MediaType, source: FrameSource) -> tuple[str, _Make] | None:
    """Return the part type that satisfies an Accept entry and what makes such parts."""
    wanted = entry.transfer_syntax
    if entry.covers(_OCTETS):
        return _octets(wanted, source)
    if entry.payload == _PNG and wanted in ("", _AS_STORED):
        return _PNG, lambda number: encode_picture(source.picture(number), _PNG, "")
    media_type = "image/jpeg" if entry.payload == "image/*" else entry.payload
    syntax = _syntax(_SYNTAXES.get(media_type, ()), wanted, source.transfer_syntax)
    return (f"{media_type}; transfer-syntax={syntax}", _encoder(source, syntax)) if syntax else None


def _syntax(syntaxes: Sequence[str], wanted: str, stored: str) -> str:
    """Return which of a media type's transfer syntaxes to answer in; empty when none serves."""
    if stored in syntaxes and wanted in ("", _AS_STORED, stored):
        return stored
    syntax = wanted or next(iter(syntaxes), "")
    return syntax if syntax in syntaxes and syntax in ENCODABLE else ""


def _octets(wanted: str, source: FrameSource) -> tuple[str, _Make] | None:
    if wanted in (_AS_STORED, source.transfer_syntax):
        return f"{_OCTETS}; transfer-syntax={source.transfer_syntax}", source.stored
    if wanted in ("", ExplicitVRLittleEndian):
        return f"{_OCTETS}; transfer-syntax={ExplicitVRLittleEndian}", _decoder(source)
    return None


def _decoder(source: FrameSource) -> _Make:
    return source.native if source.transfer_syntax in DECODABLE else _undecodable(source)


def _encoder(source: FrameSource, syntax: str) -> _Make:
    if syntax == source.transfer_syntax:
        return source.stored
    if source.transfer_syntax not in DECODABLE:
        return _undecodable(source)
    return lambda number: source.encoded(number, syntax)


def _undecodable(source: FrameSource) -> _Make:
    def refuse(_number: int) -> bytes:
        raise failed(f"{source.transfer_syntax} cannot be transcoded; ask for transfer-syntax=*")

    return refuse
