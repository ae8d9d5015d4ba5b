"""Frames made fit for an encoder, and the header made true again.

Lossy JPEG takes unsigned samples of 8 or 12 bits. Deeper and signed values are scaled and shifted
to fit, and the rescale slope and intercept undo it, so that Hounsfield units stay what they were.
Source: DICOM PS3.3 sections C.7.6.3.1 and C.11.1, PS3.5 section 8.2
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from localcloud.healthcare.dicom.encoders import Encoding
from localcloud.healthcare.dicom.geometry import Geometry, failed

# Elements that speak of values as they were before the conversion.
_IN_STORED_VALUES = ("SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue")
_WHOLE_BITS = 16
_MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})


@dataclass(frozen=True)
class Conversion:
    """How the values of one instance are encoded.

    ``offset`` is added and ``shift`` of the then ``bits`` bits are dropped, if it is scaled.
    """

    encoding: Encoding
    bits: int
    offset: int = 0
    shift: int = 0
    is_scaled: bool = False

    @classmethod
    def of(cls, dataset: Dataset, geometry: Geometry, encoding: Encoding) -> Conversion:
        """Plan a conversion.

        Raises
        ------
        GoogleError
            400 where Google refuses it: single bits, floating point, deep colours to JPEG.
        """
        if geometry.is_native_only:
            raise failed("single bits and floating point pixels are never compressed")
        photometric = str(dataset.get("PhotometricInterpretation") or "")
        stored = int(dataset.get("BitsStored") or geometry.bits)
        is_monochrome = photometric in _MONOCHROME
        if encoding.max_colour_bits and not is_monochrome and stored > encoding.max_colour_bits:
            raise failed("colours of more than 8 bits cannot be transcoded to JPEG")
        if encoding.is_lossy and geometry.samples == 1 and not is_monochrome:
            raise failed(f"{photometric or 'such'} pixels cannot be compressed with loss")
        plan = cls(encoding, stored)
        is_signed = dataset.get("PixelRepresentation") == 1
        is_deep = encoding.max_bits < _WHOLE_BITS and geometry.bits > 8
        if encoding.max_bits and is_monochrome and (is_signed or is_deep):
            half = 1 << stored - 1
            return plan.fitted(-half, half - 1) if is_signed else plan.fitted(0, 2 * half - 1)
        return plan

    def fitted(self, low: int, high: int) -> Conversion:
        """Return the same conversion for values of a narrower range, at a finer scale."""
        bits = max(1, (high - low).bit_length())
        shift = max(0, bits - self.encoding.max_bits)
        return Conversion(self.encoding, bits, -low, shift, is_scaled=True)

    def encode(self, frame: np.ndarray) -> bytes:
        """Return a frame's codestream."""
        if not self.is_scaled:
            return self.encoding.encode(frame, self.bits)
        values = frame.astype(np.int32) + self.offset >> self.shift
        top = (1 << self.bits - self.shift) - 1
        kind = np.uint8 if self._depth == 8 else np.uint16
        return self.encoding.encode(np.clip(values, 0, top).astype(kind), self._depth)

    @property
    def _depth(self) -> int:
        return 8 if self.bits - self.shift <= 8 else self.encoding.max_bits

    def describe(self, dataset: Dataset, frame: np.ndarray, ratio: float) -> None:
        """Make a header tell the truth of the encoded pixels.

        Parameters
        ----------
        frame
            One of the frames before it was encoded.
        ratio
            How many bytes became one.
        """
        if frame.ndim == 3:
            dataset.PhotometricInterpretation = self.encoding.colour
            dataset.PlanarConfiguration = 0
        if self.is_scaled:
            slope = float(dataset.get("RescaleSlope") or 1)
            intercept = float(dataset.get("RescaleIntercept") or 0)
            dataset.RescaleSlope = slope * (1 << self.shift)
            dataset.RescaleIntercept = intercept - slope * self.offset
            dataset.PixelRepresentation = 0
            dataset.BitsStored = self._depth
            dataset.HighBit = self._depth - 1
            dataset.BitsAllocated = 8 if self._depth == 8 else 16
            for keyword in (
                "SmallestImagePixelValue",
                "LargestImagePixelValue",
                "PixelPaddingValue",
            ):
                if keyword in dataset:
                    del dataset[keyword]
        elif frame.dtype.itemsize * 8 != dataset.BitsAllocated:
            dataset.BitsAllocated = frame.dtype.itemsize * 8
        if self.encoding.is_lossy:
            _append(dataset, "LossyImageCompressionRatio", round(ratio, 3))
            _append(dataset, "LossyImageCompressionMethod", self.encoding.method)
            dataset.LossyImageCompression = "01"


def _append(dataset: Dataset, keyword: str, value: object) -> None:
    before = dataset.get(keyword)
    values = [] if before in (None, "") else list(before) if hasattr(before, "append") else [before]
    setattr(dataset, keyword, [*values, value])
