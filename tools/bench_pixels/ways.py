"""Ways from a DICOM file to pictures: ours, a tutorial's, and those that end before a picture."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import pydicom
from PIL import Image
from pydicom.pixels import iter_pixels

from wetread.core.pixels.decoding import DECODING_PLUGINS
from wetread.core.pixels.encoding import encode_png
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame
from wetread.core.settings import Settings

_LIMIT_BYTES = Settings().frame_limit_bytes


def wetread(blob: bytes) -> int:
    """Render every frame as a radiologist would see it; return the pictures' bytes."""
    dataset = read_instance(blob)
    frames = range(1, int(dataset.get("NumberOfFrames", 1)) + 1)
    pictures = (render_frame(dataset, frame, limit_bytes=_LIMIT_BYTES).pixels for frame in frames)
    return sum(len(encode_png(picture)) for picture in pictures)


def recipe(blob: bytes) -> int:
    """Stretch each frame between its own minimum and maximum and let Pillow write the PNG."""
    pixels = pydicom.dcmread(io.BytesIO(blob)).pixel_array
    frames = pixels if pixels.ndim == 4 else [pixels]
    size_bytes = 0
    for frame in frames:
        stretched = (frame - frame.min()) / (frame.max() - frame.min()) * 255
        stream = io.BytesIO()
        Image.fromarray(stretched.astype("uint8")).save(stream, format="PNG")
        size_bytes += len(stream.getvalue())
    return size_bytes


def decode(blob: bytes) -> int:
    """Decode every frame with what pydicom chooses, and nothing else: the limit of the recipe."""
    return int(pydicom.dcmread(io.BytesIO(blob)).pixel_array.nbytes)


def plugin(blob: bytes) -> int:
    """Decode every frame with the plug-in that we choose, and nothing else: our limit."""
    dataset = pydicom.dcmread(io.BytesIO(blob))
    chosen = DECODING_PLUGINS.get(dataset.file_meta.TransferSyntaxUID, ("",))[0]
    return sum(frame.nbytes for frame in iter_pixels(dataset, decoding_plugin=chosen))


def pillow_size(blob: bytes) -> int:
    """Return the bytes that the recipe's encoder needs for our pictures."""
    dataset = read_instance(blob)
    size_bytes = 0
    for frame in range(1, int(dataset.get("NumberOfFrames", 1)) + 1):
        stream = io.BytesIO()
        picture = render_frame(dataset, frame, limit_bytes=_LIMIT_BYTES).pixels
        Image.fromarray(picture).save(stream, format="PNG")
        size_bytes += len(stream.getvalue())
    return size_bytes


WAYS: Mapping[str, Callable[[bytes], int]] = {
    "wetread": wetread,
    "recipe": recipe,
    "decode": decode,
    "plugin": plugin,
}
