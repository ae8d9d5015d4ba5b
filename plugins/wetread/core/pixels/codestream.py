"""What a compressed frame says of its own size.

A header may claim 64 x 64 pixels for a codestream of 60,000 x 60,000; decoders believe the
codestream and allocate. The size is read where decoders read it, past boxes before the codestream,
so that nothing can be shown here that they do not see.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pydicom import uid

_JPEG_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\x00\x00\x00\x0cjP"
"""The boxes that some writers put around a JPEG 2000 codestream (ITU-T T.800 annex I)."""
_CODESTREAM_BOX = b"jp2c"
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""Start of frame in JPEG (ITU-T T.81 table B.1) and JPEG-LS (ITU-T T.87)."""
_JPEG_END = b"\xff\xd9"
_PADDING = b"\0\xff"
_FILL, _SCAN = 0xFF, 0xDA

JPEG_SYNTAXES = frozenset(
    {
        uid.JPEGBaseline8Bit,
        uid.JPEGExtended12Bit,
        uid.JPEGLossless,
        uid.JPEGLosslessSV1,
        uid.JPEGLSLossless,
        uid.JPEGLSNearLossless,
    }
)
JPEG_2000_SYNTAXES = frozenset(
    {uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K}
)


@dataclass(frozen=True)
class Codestream:
    """Rows, columns and components of a frame, the bits of its samples, and its tiles."""

    rows: int
    columns: int
    components: int
    bits: int
    tiles: int = 1

    @property
    def samples(self) -> int:
        return self.rows * self.columns * self.components


def codestream_of(frame: bytes, syntax: str) -> Codestream | None:
    """Read the size in a JPEG, JPEG-LS, JPEG 2000 or HTJ2K frame.

    None for other transfer syntaxes, such as RLE, whose size the data set alone decides.

    Raises
    ------
    ValueError
        The frame is no such codestream.
    """
    try:
        if syntax in JPEG_2000_SYNTAXES:
            return _jpeg_2000(frame, _codestream_offset(frame))
        return _jpeg(frame) if syntax in JPEG_SYNTAXES else None
    except (struct.error, IndexError):
        raise ValueError("the codestream ends before it tells its size") from None


def _codestream_offset(frame: bytes) -> int:
    """Walk the boxes, if any, to the codestream (ITU-T T.800 section I.4)."""
    offset = 0
    if frame.startswith(_JP2_START):
        while True:
            length, kind = struct.unpack_from(">I4s", frame, offset)
            header_bytes = 8
            if length == 1:
                (length,) = struct.unpack_from(">Q", frame, offset + header_bytes)
                header_bytes += 8
            if kind == _CODESTREAM_BOX:
                offset += header_bytes
                break
            if length < header_bytes:
                raise ValueError("a box has no length")
            offset += length
    if not frame.startswith(_JPEG_2000_START, offset):
        raise ValueError("no JPEG 2000 codestream")
    return offset


def _jpeg_2000(frame: bytes, offset: int) -> Codestream:
    """Read the SIZ segment (ITU-T T.800 section A.5.1)."""
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(
        ">8I", frame, offset + 8
    )
    components, depth = struct.unpack_from(">HB", frame, offset + 40)
    if not tile_width or not tile_height:
        raise ValueError("tiles have no size")
    # Rounded up: the last tile of a row or column may be cut.
    across, down = -((tile_left - right) // tile_width), -((tile_top - bottom) // tile_height)
    return Codestream(
        rows=max(bottom - top, 0),
        columns=max(right - left, 0),
        components=components,
        bits=(depth & 0x7F) + 1,
        tiles=max(across, 0) * max(down, 0),
    )


def _jpeg(frame: bytes) -> Codestream:
    """Walk the segments from the start to the scan, of which one is the frame header.

    A frame must be whole: where it breaks off or a segment is damaged, CharLS may read for ever and
    gdcm end the process.
    """
    if not frame.startswith(_JPEG_START) or not frame.rstrip(_PADDING).endswith(_JPEG_END):
        raise ValueError("no whole JPEG codestream")
    found, offset = None, len(_JPEG_START)
    while True:
        prefix, marker = frame[offset], frame[offset + 1]
        if prefix != _FILL:
            raise ValueError("something lies between two segments")
        if marker == _FILL:
            offset += 1
            continue
        if marker == _SCAN:
            break
        (length,) = struct.unpack_from(">H", frame, offset + 2)
        if marker in _FRAME_MARKERS:
            bits, rows, columns, components = struct.unpack_from(">BHHB", frame, offset + 4)
            found = Codestream(rows, columns, components, bits)
        offset += 2 + length
    if found is None:
        raise ValueError("a scan without a frame header")
    return found
