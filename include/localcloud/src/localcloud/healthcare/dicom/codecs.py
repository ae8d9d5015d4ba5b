"""Decoders of compressed frames: imagecodecs for every transfer syntax Google transcodes from.

Where pydicom knows a transfer syntax the decoder is a plugin of it, so that signs and colours are
its business; JPEG XL and deflated frames it does not know, and they are decoded here.
Source: https://pydicom.github.io/pydicom/stable/guides/decoding/decoder_plugins.html,
https://cloud.google.com/healthcare-api/docs/dicom#supported_transfer_syntaxes_for_transcoding and
DICOM PS3.5 sections 8.2 and A.4
"""

from __future__ import annotations

import contextlib
import zlib

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders.base import DecodeRunner

from localcloud.healthcare.dicom.geometry import Geometry, failed

JPEG_XL_LOSSLESS = "1.2.840.10008.1.2.4.110"
JPEG_XL_RECOMPRESSION = "1.2.840.10008.1.2.4.111"
JPEG_XL = "1.2.840.10008.1.2.4.112"
DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"

_LABEL = "imagecodecs"
_JPEG = frozenset(
    {uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1}
)
_JPEG_LS = frozenset({uid.JPEGLSLossless, uid.JPEGLSNearLossless})
_JPEG_2000 = frozenset({uid.JPEG2000Lossless, uid.JPEG2000})
_HTJ2K = frozenset({uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K})
_JPEG_XL = frozenset({JPEG_XL_LOSSLESS, JPEG_XL_RECOMPRESSION, JPEG_XL})
_OWN = _JPEG_XL | {DEFLATED_FRAME}

DECODER_DEPENDENCIES = dict.fromkeys(
    _JPEG | _JPEG_LS | _JPEG_2000 | _HTJ2K | {uid.RLELossless}, (_LABEL,)
)
NATIVE = frozenset(
    {
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    }
)
DECODABLE = NATIVE | _OWN | frozenset(DECODER_DEPENDENCIES)


def is_available(syntax: str) -> bool:
    """Tell pydicom whether this plugin decodes a transfer syntax."""
    return syntax in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytearray:
    """Decode one frame; called by pydicom, told of the result's form through `runner`."""
    syntax = runner.transfer_syntax
    if syntax == uid.RLELossless:
        return _decode_rle(source, runner)
    if syntax in _JPEG:
        frame = _decode_jpeg(source, runner)
    elif syntax in _JPEG_LS:
        frame = imagecodecs.jpegls_decode(source)
    else:
        frame = imagecodecs.jpeg2k_decode(source)
        # The codec undoes the reversible and irreversible colour transforms itself.
        if runner.photometric_interpretation in (
            PhotometricInterpretation.YBR_ICT,
            PhotometricInterpretation.YBR_RCT,
        ):
            runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)
    runner.set_option("bits_allocated", frame.dtype.itemsize * 8)
    runner.set_option("planar_configuration", 0)
    # Writable, because pydicom corrects signs in place.
    return bytearray(np.ascontiguousarray(frame).tobytes())


def _decode_rle(source: bytes, runner: DecodeRunner) -> bytearray:
    runner.set_option("planar_configuration", 1)
    bytes_per_sample = runner.bits_allocated // 8
    size = runner.rows * runner.columns * runner.samples_per_pixel * bytes_per_sample
    # The codec stops when this is full, however far the frame would expand.
    frame = imagecodecs.dicomrle_decode(source, dtype=f"<u{bytes_per_sample}", out=size)
    return bytearray(frame)


def _decode_jpeg(source: bytes, runner: DecodeRunner) -> np.ndarray:
    if runner.samples_per_pixel == 1:
        return imagecodecs.jpeg_decode(source)
    # Input and output in one colour space: the conversion to RGB is pydicom's.
    space = "RGB" if runner.photometric_interpretation == "RGB" else "YCBCR"
    return imagecodecs.jpeg_decode(source, colorspace=space, outcolorspace=space)


def plugin_for(syntax: str) -> str:
    """Return the plugin to ask pydicom for; empty leaves the choice to it."""
    return _LABEL if is_available(syntax) else ""


def is_own(syntax: str) -> bool:
    """Tell whether ``decode_own`` is who decodes a transfer syntax."""
    return syntax in _OWN


def decode_own(source: bytes, syntax: str, geometry: Geometry, dataset: Dataset) -> np.ndarray:
    """Decode one frame of a transfer syntax that pydicom does not know.

    Returns an array of (rows, columns) or (rows, columns, samples). JPEG XL colours are RGB,
    deflated ones what the header says.
    """
    if syntax == DEFLATED_FRAME:
        frame = _inflate(source, geometry, dataset)
    else:
        frame = imagecodecs.jpegxl_decode(source)
        if geometry.samples == 1 and frame.ndim == 3:
            frame = frame[:, :, 0]
    return _signed(frame, dataset)


def _inflate(source: bytes, geometry: Geometry, dataset: Dataset) -> np.ndarray:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflater.decompress(source, geometry.frame_bytes + 1)
    if len(data) != geometry.frame_bytes:
        raise failed("a deflated frame does not have the size that the header says")
    values = np.frombuffer(data, f"<u{geometry.bits // 8}")
    if geometry.samples == 1:
        return values.reshape(geometry.rows, geometry.columns)
    if dataset.get("PlanarConfiguration") == 1:
        planes = values.reshape(geometry.samples, geometry.rows, geometry.columns)
        return np.moveaxis(planes, 0, -1)
    return values.reshape(geometry.rows, geometry.columns, geometry.samples)


def _signed(frame: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Give values their sign, which such codestreams do not know."""
    if dataset.get("PixelRepresentation") != 1 or frame.dtype.kind != "u":
        return frame
    width = frame.dtype.itemsize * 8
    shift = width - int(dataset.get("BitsStored") or width)
    return np.left_shift(frame, shift).view(f"<i{frame.dtype.itemsize}") >> shift


def register() -> None:
    """Make pydicom use this plugin; calling again changes nothing."""
    for syntax in DECODER_DEPENDENCIES:
        with contextlib.suppress(ValueError):
            get_decoder(syntax).add_plugin(_LABEL, (__name__, decode_frame.__name__))
