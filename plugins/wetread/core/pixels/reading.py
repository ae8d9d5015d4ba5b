"""Reading one DICOM file that nobody has checked."""

from __future__ import annotations

import zlib
from io import BytesIO

import pydicom
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from wetread.core.pixels.errors import PixelError

INFLATED_LIMIT_BYTES = 2**30
"""A deflated data set that grows beyond this is not read: a few megabytes can hold a terabyte."""

_PREFIX = b"DICM"
_PREFIX_OFFSET_BYTES = 128
_META_GROUP = 0x0002
_DEFLATED = str(DeflatedExplicitVRLittleEndian).encode()
_CHUNK_BYTES = 2**20
_PIECE_BYTES = 2**16

# A warning about an invalid value quotes it, and the value may be a patient's name. What matters of
# a value is judged where it is used.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def read_instance(
    blob: bytes, *, inflated_limit_bytes: int = INFLATED_LIMIT_BYTES
) -> pydicom.Dataset:
    """Read one instance in the file format of DICOM PS3.10 section 7.

    Values are parsed where they are first used, so a header that reads may still hold bad ones.

    Raises
    ------
    PixelError
        ``empty-file``, ``not-dicom``, ``header-unreadable`` or ``image-too-large``.
    """
    if not blob:
        raise PixelError("empty-file", "The file has no content.")
    body = _PREFIX_OFFSET_BYTES + len(_PREFIX)
    if blob[_PREFIX_OFFSET_BYTES:body] != _PREFIX:
        raise PixelError("not-dicom", "The prefix DICM is not where PS3.10 puts it.")
    try:
        stream = BytesIO(blob)
        if _DEFLATED in blob:
            stream.seek(body)
            _check_inflated_size(stream, inflated_limit_bytes)
            stream.seek(0)
        return pydicom.dcmread(stream)
    except PixelError:
        raise
    except Exception as error:  # arbitrary bytes make a parser fail in arbitrary ways
        detail = f"Reading the header failed with {type(error).__name__}."
        raise PixelError("header-unreadable", detail) from None


def _check_inflated_size(stream: BytesIO, limit_bytes: int) -> None:
    meta = read_dataset(
        stream,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: tag.group != _META_GROUP,
    )
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    inflater, size_bytes = zlib.decompressobj(-zlib.MAX_WBITS), 0
    # In pieces, because what is left of a piece is copied each time.
    while piece := stream.read(_PIECE_BYTES):
        while piece and not inflater.eof:
            size_bytes += len(inflater.decompress(piece, _CHUNK_BYTES))
            if size_bytes > limit_bytes:
                detail = f"The data set inflates to more than {limit_bytes} bytes."
                raise PixelError("image-too-large", detail)
            piece = inflater.unconsumed_tail
