"""What a compressed frame says of its own size.

A header may claim 64 x 64 pixels for a codestream of 60,000 x 60,000; decoders believe the
codestream and allocate.
"""

from __future__ import annotations

import struct

_JPEG_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\x00\x00\x00\x0cjP"
"""The boxes that some writers put around a JPEG 2000 codestream (ITU-T T.800 annex I)."""
_MARKER = 0xFF
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""Start of frame in JPEG (ITU-T T.81 table B.1) and JPEG-LS (ITU-T T.87)."""


def codestream_shape(frame: bytes) -> tuple[int, int, int] | None:
    """Return rows, columns and components of a JPEG, JPEG-LS or JPEG 2000 frame.

    None for anything else, such as RLE, whose size the data set alone decides.
    """
    try:
        if frame.startswith((_JPEG_2000_START, _JP2_START)):
            return _jpeg_2000_shape(frame, frame.index(_JPEG_2000_START))
        return _jpeg_shape(frame) if frame.startswith(_JPEG_START) else None
    except (struct.error, ValueError):
        return None


def _jpeg_2000_shape(frame: bytes, offset: int) -> tuple[int, int, int]:
    """Read the SIZ segment (ITU-T T.800 section A.5.1)."""
    right, bottom, left, top = struct.unpack_from(">4I", frame, offset + 8)
    (components,) = struct.unpack_from(">H", frame, offset + 40)
    return max(bottom - top, 0), max(right - left, 0), components


def _jpeg_shape(frame: bytes) -> tuple[int, int, int] | None:
    offset = len(_JPEG_START)
    while True:
        prefix, marker, length = struct.unpack_from(">BBH", frame, offset)
        if prefix != _MARKER:
            return None
        if marker == _MARKER:  # fill byte
            offset += 1
        elif marker in _FRAME_MARKERS:
            _, rows, columns, components = struct.unpack_from(">BHHB", frame, offset + 4)
            return rows, columns, components
        else:
            offset += 2 + length
