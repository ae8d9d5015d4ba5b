"""Stored files as other clients want them: decoded, frame by frame, or as a picture.

Source: https://cloud.google.com/healthcare-api/docs/dicom#retrieve_transaction
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom import codecs, encoders
from localcloud.healthcare.dicom.display import displayed
from localcloud.healthcare.dicom.part10 import PIXEL_TAGS

codecs.register()
encoders.register()


@contextmanager
def reading_pixels() -> Iterator[None]:
    """Turn whatever breaks in a decoder or in a nonsensical header into Google's 400."""
    try:
        yield
    except GoogleError:
        raise
    except Exception as error:
        # The codec's own words are kept out: they can quote the data.
        message = f"the pixel data cannot be decoded ({type(error).__name__})"
        raise GoogleError(400, "FAILED_PRECONDITION", message) from error


def transcode(data: bytes, target: str) -> bytes:
    """Return a file in another transfer syntax.

    Parameters
    ----------
    target
        Explicit VR Little Endian, which takes everything, or one of ``ENCODABLE``, which takes
        native pixel data.
    """
    dataset = pydicom.dcmread(io.BytesIO(data))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        plugin = codecs.plugin_for(syntax)
        dataset.decompress(generate_instance_uid=False, decoding_plugin=plugin)
    elif not syntax.is_little_endian:
        _swap_native_pixels(dataset)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if target in encoders.ENCODABLE:
        plugin = encoders.plugin_for(target)
        dataset.compress(target, encoding_plugin=plugin, generate_instance_uid=False)
    output = io.BytesIO()
    pydicom.dcmwrite(output, dataset, implicit_vr=False, little_endian=True)
    return output.getvalue()


def _swap_native_pixels(dataset: Dataset) -> None:
    for tag in PIXEL_TAGS & set(dataset.keys()):
        element = dataset[tag]
        if element.VR == "OW":
            words = np.frombuffer(element.value, ">u2")
            element.value = words.astype("<u2").tobytes()


@dataclass(frozen=True)
class FrameSource:
    """A file opened for its frames; frame numbers count from 1."""

    dataset: Dataset

    @classmethod
    def open(cls, data: bytes) -> FrameSource:
        """Open a stored file, which must have pixel data."""
        dataset = pydicom.dcmread(io.BytesIO(data))
        if not PIXEL_TAGS & set(dataset.keys()):
            raise GoogleError(400, "FAILED_PRECONDITION", "the instance has no pixel data")
        return cls(dataset)

    @property
    def transfer_syntax(self) -> str:
        return str(self.dataset.file_meta.TransferSyntaxUID)

    @property
    def is_encapsulated(self) -> bool:
        return self.dataset.file_meta.TransferSyntaxUID.is_encapsulated

    @property
    def count(self) -> int:
        return int(self.dataset.get("NumberOfFrames") or 1)

    def check(self, numbers: Sequence[int]) -> None:
        """Refuse a frame that the instance does not have with 404."""
        for number in numbers:
            if not 1 <= number <= self.count:
                message = f"frame {number} does not exist: the instance has {self.count}"
                raise GoogleError(404, "NOT_FOUND", message)

    def stored(self, number: int) -> bytes:
        """Return a frame as it is in the file."""
        if self.is_encapsulated:
            pixels = self.dataset.PixelData
            return get_frame(pixels, number - 1, number_of_frames=self.count)
        return self.native(number)

    def native(self, number: int) -> bytes:
        """Return a frame uncompressed, little endian."""
        if self.dataset.get("BitsAllocated") == 1 and not self.is_encapsulated:
            return self._packed(number)
        return np.ascontiguousarray(self._array(number, raw=not self.is_encapsulated)).tobytes()

    def picture(self, number: int) -> Image.Image:
        """Return a frame as 8-bit grey or RGB, windowed as the file itself says."""
        return Image.fromarray(displayed(self._array(number), self.dataset))

    def _packed(self, number: int) -> bytes:
        bits = int(self.dataset.Rows) * int(self.dataset.Columns)
        start = bits * (number - 1)
        plane = np.unpackbits(np.frombuffer(self.dataset.PixelData, np.uint8), bitorder="little")[
            start : start + bits
        ]
        return np.packbits(plane, bitorder="little").tobytes()

    def _array(self, number: int, raw: bool = False) -> np.ndarray:
        plugin = codecs.plugin_for(self.transfer_syntax)
        return pixel_array(self.dataset, index=number - 1, raw=raw, decoding_plugin=plugin)


def bulk_value(data: bytes, path: Sequence[str]) -> bytes:
    """Return the value at ``GGGG/EEEE[/item/GGGG/EEEE...]`` of a file, pixel data decoded.

    Raises
    ------
    GoogleError
        404 when the path leads nowhere.
    """
    source = FrameSource(pydicom.dcmread(io.BytesIO(data)))
    dataset = source.dataset
    try:
        for group, element, item in zip(path[0::3], path[1::3], path[2::3], strict=False):
            dataset = dataset[int(group + element, 16)].value[int(item)]
        tag = int("".join(path[-2:]), 16)
        value = dataset[tag].value
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise GoogleError(404, "NOT_FOUND", "the bulk data does not exist") from error
    if tag in PIXEL_TAGS and source.is_encapsulated and dataset is source.dataset:
        return b"".join(source.native(number) for number in range(1, source.count + 1))
    return bytes(value or b"")
