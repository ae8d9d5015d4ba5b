"""Pictures as PNG, fast enough that compression does not decide how long an analysis takes.

A picture of a body is noise on slopes: what is left of a pixel after its neighbours predicted it
hardly ever repeats. PNG encoders spend most of their time on a search for repeats that gains
little here.
Source: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from isal import isal_zlib
from zlib_ng import zlib_ng

from wetread.core.pixels.png_filters import Bytes, filter_rows

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2
"""Colour types (section 11.2.1)."""
_SMALL_BYTES = 2**20
"""Up to here a request to Vision AI is filled by count, so that a larger file costs nothing."""
_FEW_RUNS = 0.2
"""Below this share of zeros after zeros, looking for runs costs more than it saves."""
_MEM_LEVEL = 9
_WINDOW_BITS = 12
"""What repeats, repeats in the neighbourhood; a longer window finds chance repeats."""
_RUNS_STEP = 16
"""Runs are counted on one row of so many."""


def encode_png(pixels: Bytes) -> bytes:
    """Encode a picture of shape (rows, columns) or (rows, columns, 3) losslessly.

    The file holds pixels and nothing else, no text and no time, so that it names nobody and equal
    pictures have equal bytes.
    """
    rows, columns = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    lines = np.ascontiguousarray(pixels).reshape(rows, columns * samples)
    colour_type = _GREY if samples == 1 else _RGB
    header = struct.pack(">IIBBBBB", columns, rows, 8, colour_type, 0, 0, 0)
    data = _deflate(filter_rows(lines, samples))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"".join((_SIGNATURE, *(_chunk(name, content) for name, content in chunks)))


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib_ng.crc32(content, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(content)), name, content, struct.pack(">I", checksum)))


def _deflate(filtered: Bytes) -> bytes:
    if not _has_runs(filtered):
        return _compress(filtered, zlib.Z_HUFFMAN_ONLY)
    if filtered.size > _SMALL_BYTES:
        return _compress(filtered, zlib.Z_RLE)
    stream = isal_zlib.compressobj(2, zlib.DEFLATED, _WINDOW_BITS, isal_zlib.DEF_MEM_LEVEL)
    return bytes(stream.compress(filtered) + stream.flush())


def _compress(filtered: Bytes, strategy: int) -> bytes:
    stream = zlib_ng.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, _MEM_LEVEL, strategy)
    return bytes(stream.compress(filtered) + stream.flush())


def _has_runs(filtered: Bytes) -> bool:
    is_zero = filtered[::_RUNS_STEP] == 0
    return bool(np.mean(is_zero[:, 1:] & is_zero[:, :-1]) > _FEW_RUNS)
