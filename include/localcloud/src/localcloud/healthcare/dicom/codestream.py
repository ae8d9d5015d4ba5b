"""The size that a compressed frame itself claims, read without decoding it.

A decoder allocates what the codestream says, whatever the DICOM header said; they must agree.
Source: ITU-T T.81 section B.2.2 (JPEG), T.87 annex C (JPEG-LS), T.800 section A.5.1 (JPEG 2000)
and ISO/IEC 18181-1 annex D (JPEG XL)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from localcloud.healthcare.dicom.geometry import Geometry, failed

# Start-of-frame markers: those of JPEG without DHT, JPG and DAC, and that of JPEG-LS.
_SOF = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN, _END = 0xDA, 0xD9
_JXL_CODESTREAM = b"\xff\x0a"
_JXL_RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_JXL_SIZE_BITS = (9, 13, 18, 30)

# Rows and columns.
Size = tuple[int, int]


def check(frame: bytes, syntax: str, geometry: Geometry) -> None:
    """Refuse a frame that claims another size than the header.

    Raises
    ------
    GoogleError
        400, also when the frame is no codestream of its kind.
    """
    reader = _READERS.get(syntax)
    if reader is None:
        return
    try:
        size = reader(frame)
    except (struct.error, IndexError, ValueError) as error:
        raise failed(f"a frame is not what its transfer syntax {syntax} says") from error
    if size != (geometry.rows, geometry.columns):
        raise failed(
            f"a frame claims {size[0]} x {size[1]} pixels, the header"
            f" {geometry.rows} x {geometry.columns}"
        )


def _jpeg_size(frame: bytes) -> Size:
    position = 2
    while True:
        while frame[position + 1] == 0xFF:
            position += 1
        marker = frame[position + 1]
        if frame[position] != 0xFF or marker in (_SCAN, _END):
            raise ValueError
        if marker in _SOF:
            rows, columns = struct.unpack_from(">HH", frame, position + 5)
            return rows, columns
        position += 2
        if marker not in _STANDALONE:
            position += struct.unpack_from(">H", frame, position)[0]


def _jpeg_2000_size(frame: bytes) -> Size:
    start = frame.index(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack_from(">4L", frame, start + 8)
    return bottom - top, right - left


def _jpeg_xl_size(frame: bytes) -> Size:
    if not frame.startswith(_JXL_CODESTREAM):
        frame = next(_jpeg_xl_codestreams(frame), b"")
    if not frame.startswith(_JXL_CODESTREAM):
        raise ValueError
    bits = int.from_bytes(frame[2:16], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & (1 << count) - 1
        bits >>= count
        return value

    def side(is_small: int) -> int:
        return (take(5) + 1) * 8 if is_small else take(_JXL_SIZE_BITS[take(2)]) + 1

    is_small = take(1)
    rows = side(is_small)
    ratio = take(3)
    if ratio == 0:
        return rows, side(is_small)
    across, down = _JXL_RATIOS[ratio]
    return rows, rows * across // down


def _jpeg_xl_codestreams(frame: bytes) -> Iterator[bytes]:
    """Iterate over the beginnings of the codestreams in a container's boxes."""
    position = 0
    while position + 8 <= len(frame):
        length, kind = struct.unpack_from(">L4s", frame, position)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", frame, position + 8)[0], 16
        if kind in (b"jxlc", b"jxlp"):
            start = position + head + (4 if kind == b"jxlp" else 0)
            yield frame[start : start + 16]
        if length == 0:
            return
        if length < head:
            raise ValueError
        position += length


_PREFIX = "1.2.840.10008.1.2.4."
_READERS: dict[str, Callable[[bytes], Size]] = {
    **{f"{_PREFIX}{number}": _jpeg_size for number in (50, 51, 57, 70, 80, 81)},
    **{f"{_PREFIX}{number}": _jpeg_2000_size for number in (90, 91, 201, 202, 203)},
    **{f"{_PREFIX}{number}": _jpeg_xl_size for number in (110, 111, 112)},
}
