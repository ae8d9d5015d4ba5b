"""Small inputs that would become large ones."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from typing import Any

from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid
from tests.contract.dicom.files import ct_slice, encoded

_ZEROS = bytes(1 << 20)
_SIDE_PIXELS = 16_000
_PIXEL_DATA = struct.pack("<HH", 0x7FE0, 0x0010)
# An undefined-length private sequence with one undefined-length item, open for more.
_OPEN_SEQUENCE = b"\x99\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"


def gzip_bomb(unfolded_bytes: int) -> bytes:
    """Zeros, a thousandth of their size."""
    output = io.BytesIO()
    with gzip.GzipFile(fileobj=output, mode="wb", compresslevel=1) as file:
        for _ in range(unfolded_bytes // len(_ZEROS)):
            file.write(_ZEROS)
    return output.getvalue()


def picture_bomb(kind: str) -> bytes:
    """An image of 256 megapixels."""
    output = io.BytesIO()
    Image.new("L", (_SIDE_PIXELS, _SIDE_PIXELS)).save(output, kind)
    return output.getvalue()


def deflated_instance(unfolded_bytes: int) -> bytes:
    """A file of the deflated transfer syntax whose private element is all zeros."""
    file = _new()
    data = encoded(file)
    start = data.index(_PIXEL_DATA)
    head_end = 144 + struct.unpack("<I", data[140:144])[0]
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflater.compress(data[head_end:start])
    body += deflater.compress(b"\x99\x7f\x10\x10OB\0\0" + struct.pack("<I", unfolded_bytes))
    for _ in range(unfolded_bytes // len(_ZEROS)):
        body += deflater.compress(_ZEROS)
    file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return _meta(file) + body + deflater.flush()


def instance_with_another_size() -> Dataset:
    """A header of 16 by 16 pixels over a JPEG of 256 megapixels."""
    picture = encapsulate([picture_bomb("JPEG")])
    file = _new(Rows=16, Columns=16, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=picture)
    file["PixelData"].VR = "OB"
    file.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return file


def instance_of_claims(**claims: Any) -> Dataset:
    """A small file whose header claims more."""
    return _new(**claims)


def deep_instance(depth: int) -> bytes:
    """A file whose sequences lie within each other."""
    data = encoded(_new())
    return data[: data.index(_PIXEL_DATA)] + _OPEN_SEQUENCE * depth


def _new(**attributes: Any) -> Dataset:
    return ct_slice(generate_uid(), generate_uid(), 1, **attributes)


def _meta(file: Dataset) -> bytes:
    """Return the preamble and the file meta group of a file."""
    output = io.BytesIO()
    empty = Dataset()
    empty.preamble, empty.file_meta = file.preamble, file.file_meta
    empty.SOPClassUID, empty.SOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
    empty.save_as(output, enforce_file_format=True)
    data = output.getvalue()
    return data[: 144 + struct.unpack("<I", data[140:144])[0]]
