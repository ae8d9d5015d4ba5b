"""imagecodecs as a pydicom decoding plugin, so that every common transfer syntax can be decoded.

Source: https://pydicom.github.io/pydicom/stable/guides/decoding/decoder_plugins.html and
DICOM PS3.5 sections 8.2 and A.4
"""

from __future__ import annotations

import contextlib

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.pixels import get_decoder
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders.base import DecodeRunner

_LABEL = "imagecodecs"
_JPEG = frozenset(
    {uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1}
)
_JPEG_LS = frozenset({uid.JPEGLSLossless, uid.JPEGLSNearLossless})
_JPEG_2000 = frozenset({uid.JPEG2000Lossless, uid.JPEG2000})
_HTJ2K = frozenset({uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K})

DECODER_DEPENDENCIES = dict.fromkeys(_JPEG | _JPEG_LS | _JPEG_2000 | _HTJ2K, (_LABEL,))
DECODABLE = frozenset(
    {
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.RLELossless,
        *DECODER_DEPENDENCIES,
    }
)


def is_available(syntax: str) -> bool:
    """Tell pydicom whether this plugin decodes a transfer syntax."""
    return syntax in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytearray:
    """Decode one frame; called by pydicom, told of the result's form through `runner`."""
    syntax = runner.transfer_syntax
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


def _decode_jpeg(source: bytes, runner: DecodeRunner) -> np.ndarray:
    if runner.samples_per_pixel == 1:
        return imagecodecs.jpeg_decode(source)
    # Input and output in one colour space: the conversion to RGB is pydicom's.
    space = "RGB" if runner.photometric_interpretation == "RGB" else "YCBCR"
    return imagecodecs.jpeg_decode(source, colorspace=space, outcolorspace=space)


def plugin_for(syntax: str) -> str:
    """Return the plugin to ask pydicom for; empty leaves the choice to it."""
    return _LABEL if is_available(syntax) else ""


def register() -> None:
    """Make pydicom use this plugin; calling again changes nothing."""
    for syntax in DECODER_DEPENDENCIES:
        with contextlib.suppress(ValueError):
            get_decoder(syntax).add_plugin(_LABEL, (__name__, decode_frame.__name__))
