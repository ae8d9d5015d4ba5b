"""Whole files in another transfer syntax.

Source: https://cloud.google.com/healthcare-api/docs/dicom#supported_transfer_syntaxes_for_transcoding
"""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from localcloud.healthcare.dicom.codecs import DECODABLE, JPEG_XL_RECOMPRESSION, NATIVE
from localcloud.healthcare.dicom.conversion import Conversion
from localcloud.healthcare.dicom.encoders import ENCODINGS
from localcloud.healthcare.dicom.geometry import (
    MAX_TRANSCODED_FILE_BYTES,
    Geometry,
    failed,
)
from localcloud.healthcare.dicom.header import Header
from localcloud.healthcare.dicom.index import Instance
from localcloud.healthcare.dicom.part10 import PIXEL_TAGS
from localcloud.healthcare.dicom.pixels import FrameSource

_NATIVE_TARGETS = frozenset(
    {ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian}
)
TARGETS = _NATIVE_TARGETS | frozenset(ENCODINGS) | {JPEG_XL_RECOMPRESSION}
_PIXEL_KEYS = frozenset(f"{tag:08X}" for tag in PIXEL_TAGS)
_TOO_LARGE = "a file of more than 1 GB cannot be transcoded; ask for transfer-syntax=*"
_MAX_BASIC_OFFSET = 0xFFFFFFFF


def transcode(data: bytes, target: str) -> bytes:
    """Return a file in another transfer syntax.

    Parameters
    ----------
    target
        One of ``TARGETS``.

    Raises
    ------
    GoogleError
        400 when the instance is too large for it, or of a kind that cannot be in that syntax.
    """
    if len(data) > MAX_TRANSCODED_FILE_BYTES:
        raise failed(_TOO_LARGE)
    dataset = pydicom.dcmread(io.BytesIO(data))
    has_pixels = bool(PIXEL_TAGS & set(dataset.keys()))
    if has_pixels:
        source = FrameSource(dataset, Geometry.of(dataset))
        source.check_file()
        _convert(source, target)
    elif target not in _NATIVE_TARGETS:
        target = ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = UID(target)
    output = io.BytesIO()
    implicit = target == ImplicitVRLittleEndian
    # Forced, because pydicom does not know the newest transfer syntaxes.
    pydicom.dcmwrite(output, dataset, implicit_vr=implicit, little_endian=True, force_encoding=True)
    return output.getvalue()


def check_convertible(header: Header, instance: Instance, target: str) -> None:
    """Refuse with 400, by its header alone, an instance that ``transcode`` would refuse."""
    if instance.transfer_syntax not in DECODABLE:
        raise failed(f"{instance.transfer_syntax} cannot be transcoded; ask for transfer-syntax=*")
    if instance.size_bytes > MAX_TRANSCODED_FILE_BYTES:
        raise failed(_TOO_LARGE)
    wanted = {tag: element for tag, element in header.items() if tag.startswith("0028")}
    pixels = {tag: {"vr": "OW"} for tag in header if tag in _PIXEL_KEYS}
    if not pixels:
        return
    dataset = Dataset.from_json({**wanted, **pixels})
    geometry = Geometry.of(dataset)
    geometry.check_transcoded_file()
    if target in ENCODINGS:
        Conversion.of(dataset, geometry, ENCODINGS[target])
    elif target == JPEG_XL_RECOMPRESSION:
        _check_recompressible(instance.transfer_syntax)
    elif instance.transfer_syntax not in NATIVE:
        _check_native(geometry)


def _check_recompressible(syntax: str) -> None:
    if syntax != JPEGBaseline8Bit:
        raise failed("only JPEG Baseline can be recompressed as JPEG XL")


def _check_native(geometry: Geometry) -> None:
    if geometry.is_native_only:
        raise failed("single bits and floating point pixels can only be stored uncompressed")


def _convert(source: FrameSource, target: str) -> None:
    if target == JPEG_XL_RECOMPRESSION:
        _recompress(source)
    elif target in ENCODINGS:
        _encode(source, Conversion.of(source.dataset, source.geometry, ENCODINGS[target]))
    elif source.is_encapsulated:
        _decode(source)
    elif source.transfer_syntax in NATIVE and not source.is_little_endian:
        _swap(source.dataset)


def _decode(source: FrameSource) -> None:
    _check_native(source.geometry)
    dataset, geometry = source.dataset, source.geometry
    pixels = bytearray()
    for number in range(1, geometry.frames + 1):
        frame = source.array(number)
        pixels += np.ascontiguousarray(frame).tobytes()
    if frame.ndim == 3:
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = frame.dtype.itemsize * 8
    pixels += b"\0" * (len(pixels) % 2)
    _set_pixels(dataset, bytes(pixels), "OB" if dataset.BitsAllocated <= 8 else "OW")


def _encode(source: FrameSource, conversion: Conversion) -> None:
    frames: list[bytes] = []
    before_bytes = 0
    numbers = range(1, source.geometry.frames + 1)
    if conversion.is_scaled:
        ranges = [(int(f.min()), int(f.max())) for f in map(source.array, numbers)]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        conversion = conversion.fitted(low, high)
    for number in numbers:
        frame = source.array(number)
        frames.append(conversion.encode(frame))
        before_bytes += frame.nbytes
    conversion.describe(source.dataset, frame, before_bytes / max(1, sum(map(len, frames))))
    _set_frames(source.dataset, frames)


def _recompress(source: FrameSource) -> None:
    """Turn JPEG Baseline into JPEG XL, which gives it back bit for bit."""
    _check_recompressible(source.transfer_syntax)
    stored = [source.stored(number) for number in range(1, source.geometry.frames + 1)]
    _set_frames(source.dataset, [bytes(imagecodecs.jpegxl_encode_jpeg(s)) for s in stored])


def _set_frames(dataset: Dataset, frames: list[bytes]) -> None:
    if sum(map(len, frames)) < _MAX_BASIC_OFFSET:
        pixels = encapsulate(frames)
    else:
        pixels, *tables = encapsulate_extended(frames)
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = tables
    _set_pixels(dataset, pixels, "OB")
    dataset["PixelData"].is_undefined_length = True


def _set_pixels(dataset: Dataset, pixels: bytes, vr: str) -> None:
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.PixelData = pixels
    dataset["PixelData"].VR = vr
    dataset["PixelData"].is_undefined_length = False


def _swap(dataset: Dataset) -> None:
    for tag in PIXEL_TAGS & set(dataset.keys()):
        element = dataset[tag]
        if element.VR == "OW":
            element.value = np.frombuffer(element.value, ">u2").astype("<u2").tobytes()
