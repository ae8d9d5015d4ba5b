"""Every transfer syntax that a plug-in decodes, each with an image in it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, uid
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from tests.core.pixels.cases import LIMIT_BYTES, file_of, image, wheel_file

from wetread.core.pixels.decoding import DECODING_PLUGINS, decode_frame
from wetread.core.pixels.reading import read_instance

Array = np.ndarray[Any, Any]

GREY = (np.add.outer(np.arange(41) * 37, np.arange(35) * 211) % 4096).astype(np.uint16)
BYTES = np.add.outer(np.arange(24) * 5, np.arange(16) * 8).astype(np.uint8)
SMALL = (np.add.outer(np.arange(8) * 37, np.arange(8) * 211) % 4096).astype(np.uint16)

HTJ2K = {
    "lossless": (
        "/0//UQApQAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB"
        "/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv9VAAoAYAAAAAAAV/+QAAoAAAAAAFcA"
        "Af+TwAAmkfsFB3QAAADAABLAABKAhAKHdABQAYd0AMAAE0AAEwC0aQICdACkpABDVADAACpgABVApKSkpKpxgnUASARB"
        "/sAQgey2AP/Z"
    ),
    "lossy": (
        "/0//UQApQAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABDwEB/1AACAACAAAAKf9SAAwAAgABAAUEBEAA"
        "/1wAIyKvGK7qruquvKcApwCm4p9Mn0yfZIgDiAOIRo/Sj9KPYf9kABcAAU9wZW5KUEggVmVyIDAuMjYuMy7/VQAKAGAA"
        "AAAAAGv/kAAKAAAAAABrAAH/k8AAAnB3pPAHh3QAAADAAAmgAATASPwDB3QAJP4CB3QAwAAqYAAVAAwYkCT5AQK0AAAF"
        "gOIAhrQAwAAtGAAFaLIslWxtslwq2WwMksASm3cAVssXX17+QOSm7Wo3AP/Z"
    ),
}
"""``SMALL`` as OpenJPH 0.26 encodes it, in the order that every kind of HTJ2K allows (RPCL)."""


def encoded_by_pydicom(syntax: str, **options: Any) -> Dataset:
    dataset = read_instance(file_of(image(GREY, BitsStored=12, HighBit=11)))
    dataset.compress(syntax, generate_instance_uid=False, **options)
    return dataset


def jpeg(syntax: str, start_of_frame: bytes = b"\xff\xc0") -> Dataset:
    """Return a JPEG by Pillow; a baseline stream is an extended one under another marker."""
    stream = BytesIO()
    Image.fromarray(BYTES).save(stream, "JPEG", quality=98)
    frame = stream.getvalue().replace(b"\xff\xc0", start_of_frame, 1)
    return holding(image(BYTES), syntax, frame)


def lossless_jpeg(syntax: str) -> Dataset:
    """Return a frame with the predictor that both syntaxes of lossless JPEG allow."""
    dataset = read_instance(wheel_file("SC_rgb_jpeg_gdcm.dcm"))
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def htj2k(syntax: str, kind: str) -> Dataset:
    header = image(SMALL, BitsStored=16, HighBit=15)
    return holding(header, syntax, base64.b64decode(HTJ2K[kind]))


def holding(dataset: Dataset, syntax: str, frame: bytes) -> Dataset:
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    return dataset


COLOURS = read_instance(wheel_file("SC_rgb_rle.dcm"))
CASES: dict[str, tuple[Callable[[], Dataset], Array, int]] = {
    uid.JPEGBaseline8Bit: (lambda: jpeg(uid.JPEGBaseline8Bit), BYTES, 4),
    uid.JPEGExtended12Bit: (lambda: jpeg(uid.JPEGExtended12Bit, b"\xff\xc1"), BYTES, 4),
    uid.JPEGLossless: (
        lambda: lossless_jpeg(uid.JPEGLossless),
        decode_frame(COLOURS, 1, limit_bytes=LIMIT_BYTES),
        0,
    ),
    uid.JPEGLosslessSV1: (
        lambda: lossless_jpeg(uid.JPEGLosslessSV1),
        decode_frame(COLOURS, 1, limit_bytes=LIMIT_BYTES),
        0,
    ),
    uid.JPEGLSLossless: (lambda: encoded_by_pydicom(uid.JPEGLSLossless), GREY, 0),
    uid.JPEGLSNearLossless: (
        lambda: encoded_by_pydicom(uid.JPEGLSNearLossless, jls_error=3),
        GREY,
        3,
    ),
    uid.JPEG2000Lossless: (lambda: encoded_by_pydicom(uid.JPEG2000Lossless), GREY, 0),
    uid.JPEG2000: (lambda: encoded_by_pydicom(uid.JPEG2000, j2k_psnr=[80]), GREY, 8),
    uid.HTJ2KLossless: (lambda: htj2k(uid.HTJ2KLossless, "lossless"), SMALL, 0),
    uid.HTJ2KLosslessRPCL: (lambda: htj2k(uid.HTJ2KLosslessRPCL, "lossless"), SMALL, 0),
    uid.HTJ2K: (lambda: htj2k(uid.HTJ2K, "lossy"), SMALL, 3),
    uid.RLELossless: (lambda: encoded_by_pydicom(uid.RLELossless), GREY, 0),
}
"""How to make an image in a syntax, what it holds, and how far the codec may be from that."""


def test_every_syntax_has_its_image() -> None:
    assert set(CASES) == set(DECODING_PLUGINS)


@pytest.mark.parametrize(
    ("syntax", "plugin"), [(syntax, name) for syntax in CASES for name in DECODING_PLUGINS[syntax]]
)
def test_every_plug_in_is_installed_and_decodes(
    syntax: str, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plugin in get_decoder(syntax).available_plugins
    make, expected, allowed = CASES[syntax]
    monkeypatch.setattr("wetread.core.pixels.decoding.DECODING_PLUGINS", {syntax: (plugin,)})
    decoded = decode_frame(make(), 1, limit_bytes=LIMIT_BYTES)
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected.astype(int)).max() <= allowed


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless])
@pytest.mark.parametrize("bits", [9, 12, 16])
def test_signs_survive_compression(syntax: str, bits: int) -> None:
    stored = GREY.astype(np.int16) // 2 ** (13 - min(bits, 12)) - 2 ** (bits - 2)
    dataset = read_instance(file_of(image(stored, BitsStored=bits, HighBit=bits - 1)))
    dataset.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(decode_frame(dataset, 1, limit_bytes=LIMIT_BYTES), stored)


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless])
@pytest.mark.parametrize("has_offsets", [True, False])
def test_each_frame_is_found(syntax: str, has_offsets: bool) -> None:
    frames = [GREY, GREY[::-1], GREY.T.reshape(GREY.shape)]
    dataset = image(GREY, BitsStored=12, HighBit=11, NumberOfFrames=3)
    dataset.PixelData = b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames)
    dataset = read_instance(file_of(dataset))
    dataset.compress(syntax, generate_instance_uid=False)
    encoded = list(generate_frames(dataset.PixelData, number_of_frames=3))
    dataset.PixelData = encapsulate(encoded, has_bot=has_offsets)
    for number, frame in enumerate(frames, 1):
        decoded = decode_frame(dataset, number, limit_bytes=LIMIT_BYTES)
        assert np.array_equal(decoded, frame)


def test_another_plug_in_is_tried_where_the_first_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytearray:
        raise RuntimeError("broken")

    dataset = jpeg_2000_of_bytes()
    monkeypatch.setattr("pydicom.pixels.decoders.pylibjpeg._DECODERS", {uid.JPEG2000: {"x": fail}})
    assert np.array_equal(decode_frame(dataset, 1, limit_bytes=LIMIT_BYTES), BYTES)


def jpeg_2000_of_bytes() -> Dataset:
    stream = BytesIO()
    Image.fromarray(BYTES).save(stream, "JPEG2000", no_jp2=True)
    return holding(image(BYTES), uid.JPEG2000, stream.getvalue())
