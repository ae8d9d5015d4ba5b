"""Decoding the stored values of one frame, within bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID, JPEGExtended12Bit

from wetread.core.pixels.codestream import codestream_shape
from wetread.core.pixels.errors import PixelError
from wetread.core.pixels.native import native_frame

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
"""The attributes that may hold pixels (PS3.3 C.7.6.3 and C.7.6.24)."""

_COLOUR_SAMPLES = 3


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
    plain = native_frame(dataset, frame_number)
    if plain is not None:
        return plain
    decoder = _decoder(dataset.file_meta.TransferSyntaxUID, int(dataset.get("BitsStored", 0)))
    _check_codestream(dataset, frame_number, limit_bytes)
    pixels, _ = decoder.as_array(dataset, index=frame_number - 1, raw=False)
    return pixels


def _decoder(syntax: UID, bits_stored: int) -> Decoder:
    # The decoders for JPEG Extended read 8 bits of the 12 that the format allows.
    is_readable = syntax != JPEGExtended12Bit or bits_stored <= 8
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        is_readable = False
    if is_readable and decoder.is_available:
        return decoder
    detail = f"No decoder for {syntax} with {bits_stored} bits."
    raise PixelError("transfer-syntax-unsupported", detail)


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
    """Hold a compressed frame to the limit by its own header, which the decoder will believe."""
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    frame = get_frame(
        dataset.PixelData,
        frame_number - 1,
        extended_offsets=offsets if all(offsets) else None,
        number_of_frames=int(dataset.get("NumberOfFrames") or 1),
    )
    shape = codestream_shape(frame)
    bytes_per_sample = max(int(dataset.BitsAllocated) // 8, 1)
    if shape is not None and math.prod(shape) * bytes_per_sample > limit_bytes:
        detail = f"The compressed frame claims {' x '.join(map(str, shape))} samples."
        raise PixelError("image-too-large", detail)


def is_colour(pixels: npt.NDArray[Any]) -> bool:
    return pixels.ndim == _COLOUR_SAMPLES
