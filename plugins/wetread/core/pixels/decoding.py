"""Decoding the stored values of one frame, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy.typing as npt
from pydicom import Dataset, uid
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder

from wetread.core.pixels.codestream import JPEG_2000_SYNTAXES, codestream_of
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.native import native_frame

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
"""The attributes that may hold pixels (PS3.3 C.7.6.3 and C.7.6.24)."""
TRANSFER_SYNTAX_UNSUPPORTED = "transfer-syntax-unsupported"
"""The reason of an instance that another decoder may still read."""

_COLOUR_SAMPLES = 3
_TILE_BYTES = 16 * 2**10
"""What a decoder of JPEG 2000 sets aside for each tile before it looks at any, rounded up."""
_NATIVE = frozenset(
    {
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    }
)
_8_BIT_JPEG = frozenset({uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit})
"""The decoders for JPEG Extended read 8 bits of the 12 that the format allows."""
DECODING_PLUGINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        uid.JPEGBaseline8Bit: ("pillow",),
        uid.JPEGExtended12Bit: ("pillow",),
        uid.JPEGLossless: ("gdcm",),
        uid.JPEGLosslessSV1: ("gdcm",),
        uid.JPEGLSLossless: ("pyjpegls",),
        uid.JPEGLSNearLossless: ("pyjpegls",),
        **dict.fromkeys(JPEG_2000_SYNTAXES, ("pylibjpeg",)),
        uid.JPEG2000Lossless: ("pylibjpeg", "pillow"),
        uid.JPEG2000: ("pylibjpeg", "pillow"),
        uid.RLELossless: ("pylibjpeg",),
    }
)
"""pydicom's plug-ins by transfer syntax, the fastest first; the next is tried where one fails.

gdcm decodes more of them, but a damaged frame of JPEG or JPEG 2000 makes it end the whole process.
pydicom's own decoder of RLE writes down whatever a frame expands to before it compares that with
the header's size.
"""


def decode_frame(dataset: Dataset, frame_number: int, *, limit_bytes: int) -> npt.NDArray[Any]:
    """Decode one frame; colour comes as RGB whatever the stored colour space.

    Parameters
    ----------
    frame_number : starts at 1
    limit_bytes : what the decoded frame may occupy; checked before anything is allocated

    Returns
    -------
    Stored values of shape (rows, columns) or (rows, columns, 3).

    Raises
    ------
    PixelError
        ``no-pixel-data``, ``image-too-large``, ``transfer-syntax-unsupported`` or
        ``pixels-unreadable``.
    """
    if not any(keyword in dataset for keyword in PIXEL_KEYWORDS):
        raise PixelError("no-pixel-data", "The instance has no pixel data.")
    _check_frame(dataset, frame_number, limit_bytes)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _NATIVE:
        plain = native_frame(dataset, frame_number)
        if plain is not None:
            return plain
        return _decoder(syntax).as_array(dataset, index=frame_number - 1, raw=False)[0]
    decoder = _decoder(syntax)
    _check_codestream(dataset, frame_number, limit_bytes)
    return _decompress(decoder, dataset, frame_number, DECODING_PLUGINS[syntax])


def decoded_size_bytes(dataset: Dataset) -> int:
    """Return what all frames occupy uncompressed, as far as the header tells."""
    rows, columns, samples, bits = (
        int(dataset.get(keyword) or 1)
        for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    frames = int(dataset.get("NumberOfFrames") or 1)
    return rows * columns * samples * max(bits // 8, 1) * frames


def is_colour(pixels: npt.NDArray[Any]) -> bool:
    return pixels.ndim == _COLOUR_SAMPLES


def _decoder(syntax: uid.UID) -> Decoder:
    if syntax not in _NATIVE and syntax not in DECODING_PLUGINS:
        raise _unsupported(f"No decoder for {syntax}.")
    return get_decoder(syntax)


def _unsupported(detail: str) -> PixelError:
    return PixelError(TRANSFER_SYNTAX_UNSUPPORTED, detail)


def _decompress(
    decoder: Decoder, dataset: Dataset, frame_number: int, plugins: tuple[str, ...]
) -> npt.NDArray[Any]:
    for plugin in plugins:
        try:
            return decoder.as_array(
                dataset, index=frame_number - 1, raw=False, decoding_plugin=plugin
            )[0]
        except BaseException as error:  # plug-ins fail in arbitrary ways where others succeed
            if not isinstance(error, Exception) and not _is_panic(error):
                raise
    detail = f"Frame {frame_number} is no frame to {' or '.join(plugins)}."
    raise PixelError("pixels-unreadable", detail)


def _is_panic(error: BaseException) -> bool:
    """Whether a plug-in in Rust gave up, which Python would take for the end of the program."""
    return type(error).__module__ == "pyo3_runtime"


def _check_frame(dataset: Dataset, frame_number: int, limit_bytes: int) -> None:
    rows, columns, samples, bits = (
        int(dataset[keyword].value)
        for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    frames = int(dataset.get("NumberOfFrames") or 1)
    if not 1 <= frame_number <= frames:
        raise PixelError("pixels-unreadable", f"Frame {frame_number} of {frames} does not exist.")
    if samples not in (1, _COLOUR_SAMPLES) or min(rows, columns, bits) < 1:
        detail = f"{rows} x {columns} pixels of {samples} samples with {bits} bits are no image."
        raise PixelError("pixels-unreadable", detail)
    size_bytes = rows * columns * samples * max(bits // 8, 1)
    if size_bytes > limit_bytes:
        detail = f"{rows} x {columns} pixels take {size_bytes} bytes; the limit is {limit_bytes}."
        raise PixelError("image-too-large", detail)


def _check_codestream(dataset: Dataset, frame_number: int, limit_bytes: int) -> None:
    """Hold a compressed frame to its header and the limit, which a decoder would not look at."""
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    frame = get_frame(
        dataset.PixelData,
        frame_number - 1,
        extended_offsets=offsets if all(offsets) else None,
        number_of_frames=int(dataset.get("NumberOfFrames") or 1),
    )
    syntax = dataset.file_meta.TransferSyntaxUID
    stream = codestream_of(frame, syntax)
    if stream is None:
        return
    if stream.samples * max(int(dataset.BitsAllocated) // 8, 1) > limit_bytes:
        claim = f"{stream.rows} x {stream.columns} x {stream.components}"
        raise PixelError("image-too-large", f"The compressed frame claims {claim} samples.")
    if stream.tiles * _TILE_BYTES > limit_bytes:
        raise PixelError("image-too-large", f"The compressed frame claims {stream.tiles} tiles.")
    if syntax in _8_BIT_JPEG and stream.bits > 8:
        raise _unsupported(f"No decoder for {syntax} with {stream.bits} bits.")
    header = (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    if (stream.rows, stream.columns, stream.components) != header:
        raise PixelError("pixels-unreadable", "The compressed frame is not of its header's size.")
