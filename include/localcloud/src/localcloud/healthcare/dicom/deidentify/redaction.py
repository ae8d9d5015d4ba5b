"""Burned-in text blacked out of every frame, and the pixels encoded again.

A file without such text keeps its pixel data byte for byte.
Source: https://cloud.google.com/healthcare-api/docs/how-tos/dicom-deidentify#redact_burnt-in_text
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from localcloud.healthcare.dicom.deidentify.text_regions import Box, text_boxes
from localcloud.healthcare.dicom.display import displayed
from localcloud.healthcare.dicom.geometry import Geometry
from localcloud.healthcare.dicom.part10 import PIXEL_TAGS
from localcloud.healthcare.dicom.pixels import FrameSource

# Of the quotas of the API: an instance beyond either is not de-identified.
MAX_FILE_BYTES = 1 << 30
MAX_PIXEL_BYTES = 2 << 30

# Text that another line covered is found when that is gone; more looks than this find noise.
_LOOKS = 3
_WHITE = 255


class CannotRedact(Exception):
    """The pixels are larger than the API takes."""


def redact_text(dataset: Dataset, wanted: Callable[[str], bool]) -> bool:
    """Black out the lines of text that are wanted gone; returns whether there were any.

    The pixels are native, Explicit VR Little Endian and, if they are colour, RGB afterwards.

    Raises
    ------
    CannotRedact
        When the pixels are larger than the API's limit.
    GoogleError
        When they cannot be decoded.
    """
    if not PIXEL_TAGS & set(dataset.keys()):
        return False
    source = FrameSource(dataset, Geometry.of(dataset))
    if _native_bytes(source.geometry) > MAX_PIXEL_BYTES:
        raise CannotRedact(f"the pixels are larger than {MAX_PIXEL_BYTES} bytes")
    source.geometry.check_present(dataset, source.is_encapsulated)
    boxes = _find_text(source, wanted)
    if boxes:
        _replace_pixels(source, boxes)
        # The picture in small shows the text too.
        dataset.pop("IconImageSequence", None)
    return bool(boxes)


def _find_text(source: FrameSource, wanted: Callable[[str], bool]) -> set[Box]:
    """Return the boxes of text in any frame; frames that are the same are read once."""
    boxes: set[Box] = set()
    numbers: Sequence[int] = range(1, source.count + 1)
    for _ in range(_LOOKS):
        seen: set[bytes] = set()
        with_text = []
        for number in numbers:
            frame = _redacted_frame(source, number, boxes)
            digest = hashlib.sha256(frame).digest()
            if digest in seen:
                continue
            seen.add(digest)
            if found := set(text_boxes(_views(frame, source.dataset), wanted)) - boxes:
                with_text.append((number, found))
        if not with_text:
            break
        numbers = [number for number, _ in with_text]
        boxes = boxes.union(*(found for _, found in with_text))
    return boxes


def _native_bytes(geometry: Geometry) -> int:
    samples = geometry.rows * geometry.columns * geometry.samples * geometry.frames
    return samples * geometry.bits // 8


def _redacted(source: FrameSource, boxes: set[Box]) -> Iterator[np.ndarray]:
    return (_redacted_frame(source, n, boxes) for n in range(1, source.count + 1))


def _redacted_frame(source: FrameSource, number: int, boxes: set[Box]) -> np.ndarray:
    # What decoders return may be read-only.
    frame = np.array(source.array(number), order="C")
    black = _black(frame, source.dataset)
    for box in boxes:
        box.fill(frame, black)
    return frame


def _views(frame: np.ndarray, dataset: Dataset) -> Iterator[np.ndarray]:
    """Iterate over the pictures in which text may show: as displayed, and in full range."""
    shown = displayed(frame, dataset)
    yield shown
    if frame.ndim == 2 and dataset.get("PhotometricInterpretation") != "PALETTE COLOR":
        values = np.nan_to_num(frame.astype(np.float64))
        low, high = float(values.min()), float(values.max())
        full = np.rint((values - low) / ((high - low) or 1.0) * _WHITE).astype(np.uint8)
        if not (np.array_equal(full, shown) or np.array_equal(_WHITE - full, shown)):
            yield full


def _black(frame: np.ndarray, dataset: Dataset) -> object:
    """Return the stored value that is shown black."""
    photometric = dataset.get("PhotometricInterpretation")
    if photometric == "PALETTE COLOR":
        colours = displayed(np.arange(256, dtype=frame.dtype)[None, :], dataset)[0]
        return int(colours.sum(axis=1).argmin())
    if frame.ndim == 3:
        return 0
    if photometric == "MONOCHROME1":
        return frame.max()
    return frame.min()


def _replace_pixels(source: FrameSource, boxes: set[Box]) -> None:
    dataset, geometry = source.dataset, source.geometry
    content = bytearray()
    for frame in _redacted(source, boxes):
        content += frame.astype(frame.dtype.newbyteorder("<"), copy=False).tobytes()
    if geometry.bits == 1:
        content = bytearray(np.packbits(np.frombuffer(content, np.uint8), bitorder="little"))
    else:
        dataset.BitsAllocated = frame.dtype.itemsize * 8
    if frame.ndim == 3:
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    for keyword in (geometry.keyword, "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        dataset.pop(keyword, None)
    content += b"\0" * (len(content) % 2)
    setattr(dataset, geometry.keyword, bytes(content))
    if geometry.keyword == "PixelData":
        dataset["PixelData"].VR = "OB" if dataset.BitsAllocated <= 8 else "OW"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
