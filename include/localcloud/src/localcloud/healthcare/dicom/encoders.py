"""Encoders of frames: imagecodecs for every transfer syntax that Google transcodes to.

Source: https://cloud.google.com/healthcare-api/docs/dicom#dicom_studyseriesinstances; what the
header must say of the result is DICOM PS3.5 section 8.2 and PS3.3 section C.7.6.1.1.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import imagecodecs
import numpy as np

from localcloud.healthcare.dicom import rle
from localcloud.healthcare.dicom.codecs import DEFLATED_FRAME, JPEG_XL, JPEG_XL_LOSSLESS

# Good enough not to be seen; Google does not say how lossy its encoders are.
_JPEG_QUALITY = 95
_JPEG_LS_NEAR = 2
_JPEG_2000_DECIBELS = 65
_JPEG_XL_DISTANCE = 0.5
_HTJ2K_STEPS = 2.0

_Encode = Callable[[np.ndarray, int], bytes]


@dataclass(frozen=True)
class Encoding:
    """How frames are written in one transfer syntax.

    Parameters
    ----------
    encode
        Makes a codestream of a frame, whose values need the given number of bits.
    method
        LossyImageCompressionMethod; empty where nothing is lost.
    colour
        PhotometricInterpretation of the result of RGB.
    max_bits
        Grey samples with more are scaled down, signed ones shifted; 0 for any, with a sign.
    max_colour_bits
        Colour samples with more are refused; 0 for no limit.
    """

    encode: _Encode
    method: str = ""
    colour: str = "RGB"
    max_bits: int = 0
    max_colour_bits: int = 0

    @property
    def is_lossy(self) -> bool:
        return bool(self.method)


def _jpeg(frame: np.ndarray, bits: int) -> bytes:
    if bits > 8:
        return bytes(imagecodecs.jpeg8_encode(frame, level=_JPEG_QUALITY, bitspersample=12))
    return bytes(imagecodecs.jpeg8_encode(frame, level=_JPEG_QUALITY, subsampling="444"))


def _jpeg_lossless(frame: np.ndarray, bits: int) -> bytes:
    space = {"colorspace": "RGB", "outcolorspace": "RGB"} if frame.ndim == 3 else {}
    precision = frame.dtype.itemsize * 8
    unsigned = _unsigned(frame)
    encode = imagecodecs.jpeg8_encode
    return bytes(encode(unsigned, lossless=True, predictor=1, bitspersample=precision, **space))


def _jpeg_ls(frame: np.ndarray, bits: int, near: int = 0) -> bytes:
    # The format knows no sign: the bits are kept, and the header tells what they mean.
    return bytes(imagecodecs.jpegls_encode(_unsigned(frame), level=near))


def _jpeg_2000(frame: np.ndarray, bits: int, decibels: int | None = None) -> bytes:
    # No colour transform, so that the photometric interpretation stays true.
    options = {"reversible": decibels is None, "level": decibels, "mct": False}
    return bytes(imagecodecs.jpeg2k_encode(frame, codecformat="j2k", **options))


def _htj2k(frame: np.ndarray, bits: int, is_lossy: bool = False) -> bytes:
    # The encoder's order is RPCL with tile-part lengths, which suits every kind of HTJ2K.
    step = _HTJ2K_STEPS / (1 << frame.dtype.itemsize * 8) if is_lossy else None
    options = {"reversible": not is_lossy, "level": step, "rgb": False, "tlm": True}
    return bytes(imagecodecs.htj2k_encode(frame, **options))


def _jpeg_xl(frame: np.ndarray, bits: int, distance: float = 0.0) -> bytes:
    if distance:
        return bytes(imagecodecs.jpegxl_encode(frame, distance=distance, bitspersample=bits))
    return bytes(imagecodecs.jpegxl_encode(_unsigned(frame), lossless=True))


def _rle(frame: np.ndarray, bits: int) -> bytes:
    return rle.encode(frame)


def _deflated(frame: np.ndarray, bits: int) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(frame.tobytes()) + deflater.flush()


def _unsigned(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame).view(f"u{frame.dtype.itemsize}")


_PREFIX = "1.2.840.10008.1.2.4."
_JPEG_METHOD, _JPEG_LS_METHOD = "ISO_10918_1", "ISO_14495_1"
_JPEG_2000_METHOD, _HTJ2K_METHOD = "ISO_15444_1", "ISO_15444_15"
ENCODINGS: dict[str, Encoding] = {
    f"{_PREFIX}50": Encoding(_jpeg, _JPEG_METHOD, "YBR_FULL", 8, 8),
    f"{_PREFIX}51": Encoding(_jpeg, _JPEG_METHOD, "YBR_FULL", 12, 8),
    f"{_PREFIX}57": Encoding(_jpeg_lossless, max_colour_bits=8),
    f"{_PREFIX}70": Encoding(_jpeg_lossless, max_colour_bits=8),
    f"{_PREFIX}80": Encoding(_jpeg_ls),
    f"{_PREFIX}81": Encoding(partial(_jpeg_ls, near=_JPEG_LS_NEAR), _JPEG_LS_METHOD),
    f"{_PREFIX}90": Encoding(_jpeg_2000),
    f"{_PREFIX}91": Encoding(partial(_jpeg_2000, decibels=_JPEG_2000_DECIBELS), _JPEG_2000_METHOD),
    f"{_PREFIX}201": Encoding(_htj2k),
    f"{_PREFIX}202": Encoding(_htj2k),
    f"{_PREFIX}203": Encoding(partial(_htj2k, is_lossy=True), _HTJ2K_METHOD),
    JPEG_XL_LOSSLESS: Encoding(_jpeg_xl),
    JPEG_XL: Encoding(partial(_jpeg_xl, distance=_JPEG_XL_DISTANCE), "ISO_18181_1", "XYB", 16),
    "1.2.840.10008.1.2.5": Encoding(_rle),
    DEFLATED_FRAME: Encoding(_deflated),
}
ENCODABLE = frozenset(ENCODINGS)
