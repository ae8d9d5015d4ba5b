"""imagecodecs as a pydicom encoding plugin, for the lossless transfer syntaxes clients ask for.

Source: https://pydicom.github.io/pydicom/stable/guides/encoding/encoder_plugins.html and
https://cloud.google.com/healthcare-api/docs/dicom#dicom_studyseriesinstances
"""

from __future__ import annotations

import contextlib

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.pixels import get_encoder
from pydicom.pixels.encoders.base import EncodeRunner

_LABEL = "imagecodecs"
ENCODER_DEPENDENCIES = dict.fromkeys((uid.JPEG2000Lossless, uid.JPEGLSLossless), (_LABEL,))

# pydicom itself encodes RLE.
ENCODABLE = frozenset({uid.RLELossless, *ENCODER_DEPENDENCIES})


def is_available(syntax: str) -> bool:
    """Tell pydicom whether this plugin encodes a transfer syntax."""
    return syntax in ENCODER_DEPENDENCIES


def encode_frame(source: bytes, runner: EncodeRunner) -> bytes:
    """Encode one native little-endian frame without loss; called by pydicom."""
    sign = "i" if runner.pixel_representation else "u"
    if runner.transfer_syntax == uid.JPEGLSLossless:
        # The format knows no sign: the bits are kept, and the header tells what they mean.
        sign = "u"
    shape = (runner.rows, runner.columns, runner.samples_per_pixel)
    frame = np.frombuffer(source, f"<{sign}{runner.bits_allocated // 8}").reshape(shape)
    frame = frame[:, :, 0] if runner.samples_per_pixel == 1 else frame
    if runner.transfer_syntax == uid.JPEGLSLossless:
        return bytes(imagecodecs.jpegls_encode(frame))
    # No colour transform, so that the photometric interpretation stays true.
    return bytes(imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True, mct=False))


def plugin_for(syntax: str) -> str:
    """Return the plugin to ask pydicom for."""
    return _LABEL if is_available(syntax) else "pydicom"


def register() -> None:
    """Make pydicom use this plugin; calling again changes nothing."""
    for syntax in ENCODER_DEPENDENCIES:
        with contextlib.suppress(ValueError):
            get_encoder(syntax).add_plugin(_LABEL, (__name__, encode_frame.__name__))
