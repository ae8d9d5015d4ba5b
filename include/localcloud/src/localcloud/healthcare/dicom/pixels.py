"""Stored files as other clients want them: decoded, frame by frame, or as a picture.

Source: https://cloud.google.com/healthcare-api/docs/dicom#retrieve_transaction
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import convert_color_space, pixel_array
from pydicom.uid import ExplicitVRBigEndian

from localcloud.errors import GoogleError
from localcloud.healthcare.dicom import codecs, codestream
from localcloud.healthcare.dicom.conversion import Conversion
from localcloud.healthcare.dicom.display import displayed
from localcloud.healthcare.dicom.encoders import ENCODINGS
from localcloud.healthcare.dicom.geometry import Geometry, failed

codecs.register()

_NO_BULK_DATA = "the bulk data does not exist"
_TURNS = threading.BoundedSemaphore(2)


@contextmanager
def reading_pixels() -> Iterator[None]:
    """Turn whatever breaks in a decoder or in a nonsensical header into Google's 400.

    Only a few threads do this at a time, which bounds the memory that images take.
    """
    try:
        with _TURNS:
            yield
    except GoogleError:
        raise
    except Exception as error:
        # The codec's own words are kept out: they can quote the data.
        message = f"the pixel data cannot be decoded ({type(error).__name__})"
        raise GoogleError(400, "FAILED_PRECONDITION", message) from error


@dataclass(frozen=True)
class FrameSource:
    """A file opened for its frames; frame numbers count from 1."""

    dataset: Dataset
    geometry: Geometry

    @classmethod
    def open(cls, data: bytes) -> FrameSource:
        """Open a stored file.

        Raises
        ------
        GoogleError
            400 when it has no pixel data, or less than its header says.
        """
        dataset = pydicom.dcmread(io.BytesIO(data))
        source = cls(dataset, Geometry.of(dataset))
        source.geometry.check_present(dataset, source.is_encapsulated)
        return source

    @property
    def transfer_syntax(self) -> str:
        return str(self.dataset.file_meta.TransferSyntaxUID)

    @property
    def is_encapsulated(self) -> bool:
        return self.transfer_syntax not in codecs.NATIVE

    @property
    def is_little_endian(self) -> bool:
        return self.transfer_syntax != ExplicitVRBigEndian

    @property
    def count(self) -> int:
        return self.geometry.frames

    def check(self, numbers: Sequence[int]) -> None:
        """Refuse a frame that the instance does not have with 404."""
        self.geometry.check_numbers(numbers)

    def check_file(self) -> None:
        """Refuse with 400 what is too large to be transcoded, or has too few pixels."""
        self.geometry.check_present(self.dataset, self.is_encapsulated)
        self.geometry.check_transcoded_file()

    def stored(self, number: int) -> bytes:
        """Return a frame as it is in the file."""
        if self.is_encapsulated:
            pixels = self.dataset.PixelData
            return get_frame(pixels, number - 1, number_of_frames=self.count)
        return self.native(number)

    def native(self, number: int) -> bytes:
        """Return a frame uncompressed, little endian."""
        if self.geometry.bits == 1 and not self.is_encapsulated:
            return self._packed(number)
        if self.is_encapsulated and self.geometry.is_native_only:
            raise failed("single bits and floating point pixels can only be had uncompressed")
        return np.ascontiguousarray(self.array(number, not self.is_encapsulated)).tobytes()

    def encoded(self, number: int, syntax: str) -> bytes:
        """Return a frame in a compressed transfer syntax."""
        if syntax == self.transfer_syntax:
            return self.stored(number)
        conversion = Conversion.of(self.dataset, self.geometry, ENCODINGS[syntax])
        return conversion.encode(self.array(number))

    def picture(self, number: int) -> Image.Image:
        """Return a frame as 8-bit grey or RGB, windowed as the file itself says."""
        self.geometry.check_rendered()
        return Image.fromarray(displayed(self.array(number), self.dataset))

    def array(self, number: int, is_raw: bool = False) -> np.ndarray:
        """Return a frame's stored values, colours as RGB unless they are wanted raw.

        Raises
        ------
        GoogleError
            400 when it is too large, or the codestream claims another size than the header.
        """
        self.geometry.check_transcoded()
        syntax = self.transfer_syntax
        if self.is_encapsulated:
            frame = self.stored(number)
            codestream.check(frame, syntax, self.geometry)
            if codecs.is_own(syntax):
                values = codecs.decode_own(frame, syntax, self.geometry, self.dataset)
                return self._rgb(values)
        plugin = codecs.plugin_for(syntax)
        dataset, index = self.dataset, number - 1
        values = pixel_array(dataset, index=index, raw=is_raw, decoding_plugin=plugin)
        return values.astype(values.dtype.newbyteorder("<"), copy=False)

    def _rgb(self, values: np.ndarray) -> np.ndarray:
        photometric = str(self.dataset.get("PhotometricInterpretation"))
        if self.transfer_syntax == codecs.DEFLATED_FRAME and photometric.startswith("YBR_FULL"):
            return convert_color_space(values, photometric, "RGB")
        return values

    def _packed(self, number: int) -> bytes:
        bits = self.geometry.rows * self.geometry.columns
        start = bits * (number - 1)
        first_byte, last_byte = start // 8, (start + bits + 7) // 8
        held = np.frombuffer(self.dataset.PixelData[first_byte:last_byte], np.uint8)
        skipped = start - first_byte * 8
        plane = np.unpackbits(held, bitorder="little")[skipped : skipped + bits]
        return np.packbits(plane, bitorder="little").tobytes()


def bulk_value(data: bytes, path: Sequence[str]) -> bytes:
    """Return the value at ``GGGG/EEEE[/item/GGGG/EEEE...]`` of a file, as it is stored.

    Raises
    ------
    GoogleError
        404 when the path leads nowhere.
    """
    dataset = pydicom.dcmread(io.BytesIO(data))
    try:
        for group, element, item in zip(path[0::3], path[1::3], path[2::3], strict=False):
            dataset = dataset[int(group + element, 16)].value[int(item)]
        # Not yet made numbers of: bulk data is bytes, whatever its VR.
        value = dataset.get_item(int("".join(path[-2:]), 16)).value
    except (AttributeError, KeyError, ValueError, IndexError, TypeError) as error:
        raise GoogleError(404, "NOT_FOUND", _NO_BULK_DATA) from error
    if not isinstance(value or b"", bytes):
        raise GoogleError(404, "NOT_FOUND", _NO_BULK_DATA)
    return value or b""
